"""The page's addresses, and what each answers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from treeline.catalog.browse import pages, plots, queries
from treeline.catalog.browse.guard import GuardMiddleware
from treeline.catalog.browse.pictures import FULL_SIDE, THUMBNAIL_SIDE, Pictures
from treeline.catalog.browse.queries import Query
from treeline.catalog.browse.reader import Reader, TookTooLongError
from treeline.catalog.browse.search import BOXES, Search, SearchError, read_search
from treeline.catalog.browse.static import StaticFolders
from treeline.errors import ImageError, ShardError

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
PICTURE_SECONDS = 3600
"""How long a browser may keep a picture."""

View = Literal["images", "sequence", "counts", "map", "times"]
DOWNLOADS: dict[str, Callable[[Search], Query]] = {
    "images": queries.all_images,
    "datasets": queries.by_dataset,
    "classes": queries.by_class,
    "locations": queries.by_location,
    "places": queries.by_place,
    "months": queries.by_month,
    "hours": queries.by_hour,
}
"""What can be downloaded, by its name in the address."""


class Site:
    """Answers requests about one catalogue.

    Args:
        reader: Of the catalogue.
        pictures: Where the images are; None where nobody said.
        catalog: The catalogue's path, to name it.
    """

    def __init__(self, reader: Reader, pictures: Pictures | None, catalog: Path) -> None:
        self._reader = reader
        self._pictures = pictures
        self._catalog = catalog
        self._templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
        self._templates.globals.update(BOXES=BOXES, command=self._command, days_of_month=plots.days_of_month)
        self._templates.filters.update(
            count=lambda number: f"{number:,}", split_lines=str.splitlines, place=pages.place_name
        )

    def images(self, request: Request) -> Response:
        """A page of the gallery."""
        search = read_search(request.query_params)
        after, before = _number(request, "after") or 0, _number(request, "before")
        gallery = pages.find_gallery(self._reader, search, after=after, before=before)
        if self._pictures is not None:
            with suppress(ShardError):  # each picture says so in its place
                self._pictures.locate([image["uuid"] for image in gallery.images if image["uuid"]])
        first = gallery.images[0]["image"] if gallery.images else after + 1
        shown = [queries.page_of_images(search, first - 1)]
        return self._page("images", search, shown, gallery=gallery)

    def sequence(self, request: Request) -> Response:
        """A sequence, with one of its frames large."""
        words = request.query_params
        dataset, seq_id = words.get("dataset", ""), words.get("seq_id", "")
        found = pages.find_sequence(self._reader, dataset, seq_id, words.get("file", ""))
        if found is None:
            raise HTTPException(404, "There is no such sequence in the catalogue.")
        shown = [queries.page_of_sequence(dataset, seq_id)]
        return self._page("sequence", Search(), shown, sequence=found)

    def counts(self, request: Request) -> Response:
        """Counts by data set, class and location."""
        search = read_search(request.query_params)
        shown = [queries.by_dataset(search), queries.by_class(search), queries.by_location(search)]
        return self._page("counts", search, shown, totals=pages.totals(self._reader, search))

    def map(self, request: Request) -> Response:
        """Where the images were taken."""
        search = read_search(request.query_params)
        query = queries.by_place(search)
        places = self._reader.remembered(query)
        return self._page("map", search, [query], places=places, map=plots.draw_map(places) if places else None)

    def times(self, request: Request) -> Response:
        """When the images were taken, by month and by hour of the day."""
        search = read_search(request.query_params)
        shown = [queries.by_month(search), queries.by_hour(search)]
        months, hours = (self._reader.remembered(query) for query in shown)
        return self._page("times", search, shown, months=plots.draw_months(months), hours=plots.draw_hours(hours))

    def number(self, request: Request) -> Response:
        """How many images a search finds."""
        search = read_search(request.query_params)
        [row] = self._reader.remembered(queries.number_of_images(search))
        return JSONResponse(row)

    def picture(self, request: Request) -> Response:
        """The pixels of an image; where there are none, a drawing that says why."""
        number = int(request.path_params["image"])
        found = self._reader.rows(queries.images_by_number([number]))
        if not found:
            raise HTTPException(404, "There is no such image in the catalogue.")
        image = found[0]
        side = THUMBNAIL_SIDE if "small" in request.query_params else FULL_SIDE
        try:
            if self._pictures is None:
                raise ImageError("was not looked for: start the page with --images")
            jpeg = self._pictures.jpeg(image["dataset"], image["file"], image["uuid"], side)
        except ImageError as error:
            width, height = image["width"] or 4, image["height"] or 3
            drawing = self._templates.get_template("missing.html").render(reason=str(error), aspect=height / width)
            return Response(drawing, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
        headers = {"Cache-Control": f"private, max-age={PICTURE_SECONDS}"}
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    def download(self, request: Request) -> Response:
        """The rows of a view as a file."""
        name, ending = request.path_params["name"], request.path_params["ending"]
        if name not in DOWNLOADS or ending not in ("csv", "parquet"):
            raise HTTPException(404, "There is no such download.")
        query = DOWNLOADS[name](read_search(request.query_params))
        scratch = TemporaryDirectory(prefix="treeline-browse-")
        target = Path(scratch.name) / f"{name}.{ending}"
        try:
            self._reader.write(query, target)
        except BaseException:
            scratch.cleanup()
            raise
        return FileResponse(target, filename=target.name, background=BackgroundTask(scratch.cleanup))

    def problem(self, request: Request, error: Exception) -> Response:
        """A page that says what is wrong with a request."""
        status = 503 if isinstance(error, TookTooLongError) else 400
        text = str(error)
        if isinstance(error, HTTPException):
            status, text = error.status_code, error.detail
        return self._page("images", Search(), [], template="problem", status=status, problem=text)

    def _page(
        self,
        view: View,
        search: Search,
        shown: list[Query],
        *,
        template: str | None = None,
        status: int = 200,
        **content: Any,
    ) -> Response:
        context: Mapping[str, Any] = {
            "view": view,
            "search": search,
            "queries": shown,
            "catalog": self._catalog,
            "has_pictures": self._pictures is not None,
            "datasets": [row["dataset"] for row in self._reader.remembered(queries.DATASETS)],
            "classes": [row["class"] for row in self._reader.remembered(queries.by_class(Search())) if row["class"]],
            **content,
        }
        text = self._templates.get_template(f"{template or view}.html").render(context)
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    def _command(self, query: Query) -> str:
        """What to type to run a query without the page."""
        return f"treeline query --catalog {shlex.quote(str(self._catalog))} --sql {shlex.quote(query.as_text())}"


def make_app(reader: Reader, pictures: Pictures | None, catalog: Path, hosts: list[str]) -> Starlette:
    """Put the page together.

    Args:
        reader: Of the catalogue.
        pictures: Where the images are; None where nobody said.
        catalog: The catalogue's path, to name it.
        hosts: Names by which the page may be asked for: another site's name that leads here gets no answer.
    """
    site = Site(reader, pictures, catalog)
    routes = [
        Route("/", site.images),
        Route("/sequence", site.sequence),
        Route("/counts", site.counts),
        Route("/map", site.map),
        Route("/times", site.times),
        Route("/number", site.number),
        Route("/picture/{image:int}", site.picture),
        Route("/download/{name}.{ending}", site.download),
        Mount("/static", StaticFolders()),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(GuardMiddleware),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        ],
        exception_handlers={error: site.problem for error in (HTTPException, SearchError, TookTooLongError)},
    )


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise SearchError(f"{name}: {text!r} is no number of an image.")
    return int(text)
