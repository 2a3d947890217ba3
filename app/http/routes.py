"""The routing table: finds the endpoint of a request by its path segments, then by its method."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.events.turns import Turns
from app.http.bounds import Bounds
from app.http.endpoint import Plan, RouteEndpoint


@dataclass(slots=True)
class RoutedPath:
    """All endpoints of one template: the words of its path with their places, and one for each method."""

    template: str
    words: tuple[tuple[int, str], ...]
    names: tuple[int, ...]
    endpoints: dict[str, RouteEndpoint] = field(default_factory=dict)

    def fits(self, parts: list[str]) -> bool:
        # Generators would cost more than what they go through.
        for at, word in self.words:
            if parts[at] != word:
                return False
        for at in self.names:  # noqa: SIM110
            if not parts[at]:
                return False
        return True


class Routes:
    """The endpoints of an application. Of two templates that fit a path, the one declared first counts."""

    def __init__(
        self,
        plans: Iterable[Plan],
        provided: Mapping[Callable[..., Any], Any],
        bounds: Bounds | None = None,
        turns: Turns | None = None,
    ) -> None:
        # By the number of parts and the first of them, which is a word.
        self._paths: dict[tuple[int, str], list[RoutedPath]] = {}
        for plan in plans:
            resource = self._resource(plan.template)
            endpoint = RouteEndpoint(plan, provided, bounds, turns)
            for method in endpoint.methods:
                resource.endpoints.setdefault(method, endpoint)

    def _resource(self, template: str) -> RoutedPath:
        parts = template.split("/")
        paths = self._paths.setdefault((len(parts), parts[1]), [])
        for resource in paths:
            if resource.template == template:
                return resource
        names = tuple(at for at, part in enumerate(parts) if part.startswith("{"))
        words = tuple((at, part) for at, part in enumerate(parts) if at > 1 and at not in names)
        paths.append(RoutedPath(template, words, names))
        return paths[-1]

    def find(self, method: str, parts: list[str]) -> RouteEndpoint | None:
        """The endpoint for a method and the parts of a path; a HEAD is answered as the GET it stands for."""
        method = "GET" if method == "HEAD" else method
        if len(parts) > 1:
            for resource in self._paths.get((len(parts), parts[1]), ()):
                endpoint = resource.endpoints.get(method)
                if endpoint is not None and resource.fits(parts):
                    return endpoint
        return None

    def fitting(self, parts: list[str]) -> list[RoutedPath]:
        """The resources whose template fits the parts of a path, whatever their methods."""
        if len(parts) < 2:
            return []
        return [path for path in self._paths.get((len(parts), parts[1]), ()) if path.fits(parts)]


def methods_of(resources: Iterable[RoutedPath]) -> list[str]:
    """The methods that some endpoint of them has, sorted; HEAD where GET is."""
    methods = {method for resource in resources for method in resource.endpoints}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
