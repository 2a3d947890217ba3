"""`claim_rev`: a host that slept through its own loss cannot speak for the next holder."""

from tests.http.life.life_table import CLAIMERS_ONLY, HOST, OTHER
from tests.http.life.saying import done, say, ticket_in
from tests.serving import Service


def test_the_token_is_the_rev_of_the_claim_and_only_grows(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    tokens = []
    for host in (HOST, OTHER, HOST):
        claim = say(visor, "claim", id, host=host)
        token = claim.json()["claim_rev"]
        assert str(token) == claim.headers["visor-rev"]
        # The same when it is read, in lists, in the past, and in the event.
        assert visor.get(f"/instances/{id}").json()["claim_rev"] == token
        assert visor.get("/instances").json()["items"][0]["claim_rev"] == token
        tokens.append(token)
        assert done(visor, "unclaim", id, host=host, claim_rev=token)["claim_rev"] is None
    assert tokens == sorted(set(tokens))
    for token in tokens:
        assert visor.get(f"/instances/{id}?rev={token}").json()["claim_rev"] == token


def test_the_token_stays_through_all_that_the_claimer_does(visor: Service) -> None:
    visor.runnable()
    id = visor.ticket()
    token = done(visor, "claim", id)["claim_rev"]
    for call in ("start", "restart", "lock", "stop", "fail", "exit"):
        fields = {} if call in ("restart", "lock", "stop") else {"claim_rev": token}
        assert done(visor, call, id, **fields)["claim_rev"] == token


def test_a_host_that_slept_is_refused_while_the_ticket_waits_and_when_it_is_claimed_anew(
    visor: Service,
) -> None:
    """Even where the next holder has its own address: the host was restarted."""
    visor.runnable()
    id = visor.ticket()
    slept = done(visor, "claim", id)["claim_rev"]
    done(visor, "unclaim", id)
    for holder in (None, HOST, OTHER):
        if holder is not None:
            done(visor, "claim", id, host=holder)
        for call in CLAIMERS_ONLY:
            answer = say(visor, call, id, claim_rev=slept)
            assert (answer.status_code, answer.json()["code"]) == (403, "not-claimer"), (holder, call)
        if holder is not None:
            done(visor, "unclaim", id, host=holder)


def test_a_late_truth_still_needs_the_token(visor: Service) -> None:
    visor.runnable()
    for state in ("lost", "failed"):
        id = ticket_in(visor, state)
        token = visor.get(f"/instances/{id}").json()["claim_rev"]
        assert say(visor, "exit", id, claim_rev=token - 1).status_code == 403
        exited = done(visor, "exit", id, claim_rev=token)
        assert (exited["status"], exited["reason"]) == ("exited", None)
        # Exited is final: nothing is believed any more.
        for call in ("exit", "fail", "lost", "start", "claim"):
            assert say(visor, call, id).json()["code"] == "invalid-state", call
