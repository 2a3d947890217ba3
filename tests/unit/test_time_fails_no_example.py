"""No test fails because the machine was slow: examples that Hypothesis makes have no time limit."""

from hypothesis import HealthCheck, given, settings, strategies


@given(strategies.none())
def test_an_example_may_take_as_long_as_it_needs(nothing: None) -> None:
    assert nothing is None
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
