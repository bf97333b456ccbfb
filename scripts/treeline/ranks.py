"""Work on many files by the ranks of an MPI job: one deals it out and puts the results together, the others do it.

What comes out depends on the items alone, and not on the number of ranks: results come in the items' order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from treeline.errors import TreelineError
from treeline.mpi import meet_ranks

if TYPE_CHECKING:
    from mpi4py.futures import MPIPoolExecutor

AHEAD = 2
"""Items under way for each rank: one that it works on, and the next."""

RanksOption = Annotated[int, typer.Option(min=1, help="MPI processes that this command was started with.")]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Ranks:
    """Those that do the work.

    Args:
        executor: Hands items out; None where this process does them itself.
        count: Number of ranks.
    """

    def __init__(self, executor: MPIPoolExecutor | None = None, count: int = 1) -> None:
        self._executor, self._count = executor, count

    def results(self, function: Callable[[Item], Iterable[Result]], items: Iterable[Item]) -> Iterator[Result]:
        """Apply a function to each item, and chain what it gives; little of that is in memory at once.

        Args:
            function: Of a module, or a `functools.partial` of one; what it takes and gives is pickled.
            items: Taken only when a rank is about to be free for one.

        Raises:
            Exception: What the function raises, at the item's turn.
        """
        if self._executor is None:
            for item in items:
                yield from function(item)
            return
        under_way: deque[Future[list[Result]]] = deque()
        for item in items:
            under_way.append(self._executor.submit(_listed, function, item))
            if len(under_way) > AHEAD * self._count:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()


def _listed(function: Callable[[Item], Iterable[Result]], item: Item) -> list[Result]:
    return list(function(item))


@contextmanager
def open_ranks(count: int) -> Iterator[Ranks | None]:
    """Join an MPI job of so many ranks; MPI is only loaded for more than one.

    Yields:
        The ranks to rank 0. None to the others, which then have done their work.

    Raises:
        TreelineError: MPI has started another number of them.
    """
    if count == 1:
        yield Ranks()
        return
    world = meet_ranks()
    from mpi4py.futures import MPICommExecutor

    check_ranks(count, world.size)
    with MPICommExecutor(world, root=0) as executor:
        yield None if executor is None else Ranks(executor, count)  # type: ignore[arg-type]  # mpi4py's stub is wrong


def check_ranks(wanted: int, started: int) -> None:
    """Check that MPI has started as many ranks as a command was told.

    Raises:
        TreelineError: It has not; says how to start it.
    """
    if wanted != started:
        raise TreelineError(
            f"--ranks is {wanted}, but MPI has started {started}. Start it with `mpiexec -n {wanted}` or "
            f"`srun --mpi=pmi2 -n {wanted}`, and with the launcher of the MPI that mpi4py was installed with."
        )
