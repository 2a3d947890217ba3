"""Random commands that a client does not give: the service starts again, its history is compacted."""

from typing import ClassVar

from app.settings import Settings
from tests.model.choosing import command
from tests.model.comparing import Both
from tests.serving import Service


class UpheavalRules:
    """Mixed into the machine, which has `both`, and the `visor` that was started with `settings`."""

    store: ClassVar[str]
    both: Both
    visor: Service
    settings: Settings

    @command(1, often=range(4))
    def start_again(self, often: int) -> None:
        """What it knows it has from its store; nothing is different afterwards."""
        if self.store == "memory" or often > 0:
            return
        self.both.close()
        self.visor.stop()
        self.visor = Service(self.settings)
        self.both.connect(self.visor)
        assert self.visor.start == self.both.model.rev

    @command(1, back=range(5, 60))
    def compact(self, back: int) -> None:
        """At a rev so many before the latest."""
        model = self.both.model
        rev = max(model.rev - back * model.step, model.start)
        self.visor.inside(self.visor.context.store.compact(rev))
        model.compact(rev)
