"""Categories by name: ids mean something only inside their own file, and least of all those of classifications."""

from __future__ import annotations

from treeline.io.results import CATEGORIES, Results


def name_categories(results: Results) -> None:
    """Put names in the place of all category ids of a file's content, in place.

    Every name is its own id afterwards, so that the content is still what `read_results` promises. Two ids of one name
    become one.
    """
    names = results["detection_categories"]
    results["detection_categories"] = {name: name for name in sorted(set(names.values()))}
    kinds = results.get("classification_categories", {})
    if "classification_categories" in results:
        results["classification_categories"] = {name: name for name in sorted(set(kinds.values()))}
    if "classification_category_descriptions" in results:
        # A description whose id is no category describes nothing.
        described = sorted(results["classification_category_descriptions"].items(), reverse=True)
        results["classification_category_descriptions"] = {kinds[id]: text for id, text in described if id in kinds}
    _replace(results, names, kinds)


def number_categories(results: Results) -> None:
    """Give the names that `name_categories` has put in place ids again, in place.

    The ids depend on the set of names alone: animal, person and vehicle have the ids that every reader expects of them,
    other categories follow from 4 on by name, and classifications are counted from 1 by name.
    """
    usual = {name: id for id, name in CATEGORIES.items()}
    others = sorted(name for name in results["detection_categories"] if name not in usual)
    usual.update((name, str(id)) for id, name in enumerate(others, start=len(CATEGORIES) + 1))
    ids = {name: id for name, id in usual.items() if name in results["detection_categories"]}
    results["detection_categories"] = {id: name for name, id in ids.items()}
    kinds = {name: str(id) for id, name in enumerate(sorted(results.get("classification_categories", ())), start=1)}
    if "classification_categories" in results:
        results["classification_categories"] = {id: name for name, id in kinds.items()}
    if "classification_category_descriptions" in results:
        described = sorted(results["classification_category_descriptions"].items())
        results["classification_category_descriptions"] = {
            kinds[name]: text for name, text in described if name in kinds
        }
    _replace(results, ids, kinds)


def _replace(results: Results, categories: dict[str, str], kinds: dict[str, str]) -> None:
    for image in results["images"]:
        for detection in image["detections"] or ():
            detection["category"] = categories[detection["category"]]
            if detection.get("classifications"):
                detection["classifications"] = [
                    (kinds[kind], conf) for kind, conf in detection["classifications"] or ()
                ]
