"""Convert between the JSON of the HTTP service and questions and answers.

    values = parse_body(b'{"users": ["u12", 7], "k": 3}', RECOMMEND)
    questions = parse_questions(values)             # [queries.Question, queries.Question]
    answer_texts(model, questions)                  # [JSON, JSON]; takes time: run it in a thread

The limits of a request are defined here. TensorFlow and aiohttp are not imported.
"""
import json
from typing import Any, List

from tf1_sampled import checks
from tf1_sampled.recsys import queries

MAX_ITEMS = 1000  # names in "items", "exclude", "candidates" and "users", and values of a category
MAX_K = 1000  # recommendations for a user
MAX_OFFERS = 100000  # recommendations for all users of a request
MAX_NAME = 1000  # characters of a name, a string of the context or a query
_MAX_VALUES = 50000  # of a body: the parser blocks all other threads
_MAX_DIGITS = 4300  # of an integer: longer ones take long to parse

FILTERS = ("exclude", "candidates", "category")
RECOMMEND = ("items", "user", "users", "k") + FILTERS + ("context", "repeat")
SIMILAR = ("item", "k") + FILTERS
EMBED = ("items", "user", "context")


class Refused(Exception):
    """An error answer to a request for a reason other than an invalid field.

    Args:
      status: integer, 4xx or 503.
      message: string.
      headers: dict of strings, for the answer.
    """

    def __init__(self, status, message, headers=None):
        super().__init__(message)
        self.status, self.headers = status, headers or {}


def parse_body(body, fields):
    """Return the fields of a request.

    Args:
      body: bytes.
      fields: the allowed names.

    Returns:
      dict.

    Raises:
      InputError: not a JSON object in UTF-8, too many values, unknown fields, NaN or Infinity, which are
        not JSON.
    """
    def no_constant(name):
        raise checks.InputError("body: wanted JSON, got the number %s" % name)

    def integer(text):
        if len(text) > _MAX_DIGITS:
            raise checks.InputError("body: wanted JSON, got: an integer of %d digits" % len(text))
        return int(text)

    num_values = sum(map(body.count, (b",", b"[", b"{")))
    checks.file(num_values <= _MAX_VALUES, "body", "at most %d values" % _MAX_VALUES, num_values)
    try:
        values = json.loads(body.decode("utf-8"), parse_constant=no_constant, parse_int=integer)
    except checks.InputError:
        raise
    except (ValueError, RecursionError) as e:
        raise checks.InputError("body: wanted JSON, got: %s" % str(e)[:200]) from e
    queries.want(isinstance(values, dict), "body", "a JSON object", values)
    for name in values:
        queries.want(name in fields, "body", "no fields but " + ", ".join(fields), name)
    for name in ("items", "users", "exclude", "candidates"):
        if name in values:
            queries.want(isinstance(values[name], list), name, "a list of names", values[name])
    return values


def parse_questions(values):
    """Return the questions in a request for recommendations, user vectors or similar items.

    Args:
      values: dict, from `parse_body`.

    Returns:
      list of queries.Question, one for each of "users" if given; else one.

    Raises:
      InputError: a k that is not an integer from 1 to MAX_K, "users" with "user" or "items", too many
        users. The names are not checked.
    """
    queries.check_count("k", values.get("k", 10), MAX_K)
    named = {name: values[name] for name in queries.Question._fields if name in values}
    if "users" not in values:
        return [queries.Question(**named)]
    for name in ("user", "items"):
        queries.want(name not in values, "users", 'no field "%s" with it' % name, values["users"])
    users = queries.check_names("users", values["users"], MAX_NAME, MAX_ITEMS)
    offers = len(users) * values.get("k", 10)
    queries.want(offers <= MAX_OFFERS, "users", "at most %d recommendations in all" % MAX_OFFERS, offers)
    return [queries.Question(user=user, **named) for user in users]


def unknown_fields(unknown):
    """Return the JSON of a questions.Unknown."""
    return {"items": unknown.items, "users": unknown.users,
            "categories": [{"column": column, "value": value} for column, value in unknown.categories]}


def as_json(value):
    """Return a value as JSON.

    Raises:
      ValueError: NaN or Infinity, which are not JSON; only a defective model returns them.
    """
    return json.dumps(value, allow_nan=False)


def answer_texts(model, questions):
    """Answer questions for recommendations with one run of a Recommender.

    Returns:
      list of the JSON of each answer, or the InputError of an invalid question.
    """
    texts: List[Any] = []
    rows = {}
    for number, question in enumerate(questions):
        try:
            rows[number] = model.resolve(question, MAX_NAME, MAX_ITEMS)
            texts.append("")
        except checks.InputError as e:
            texts.append(e)
    for number, answer in zip(rows, model.answer(list(rows.values()))):
        texts[number] = as_json({
            "recommendations": [{"item": name, "title": model.title(name), "score": score}
                                for name, score in answer.best],
            "source": answer.source, "unknown": unknown_fields(answer.unknown)})
    return texts


def similar_text(model, values, question):
    """Return the JSON of the items that are similar to values["item"].

    Raises:
      InputError: see Recommender.similar_items.
    """
    item = queries.check_name("item", values.get("item"), MAX_NAME)
    unknown = model.resolve(question, MAX_NAME, MAX_ITEMS).unknown
    best = model.similar_items(item, question.k, **{
        name: values[name] for name in FILTERS if name in values})
    return as_json({"similar": [{"item": name, "title": model.title(name), "cosine": cosine}
                                for name, cosine in best], "unknown": unknown_fields(unknown)})


def vector_text(model, question):
    """Return the JSON of a user vector.

    Raises:
      InputError: see Recommender.embed.
    """
    unknown = model.resolve(question, MAX_NAME, MAX_ITEMS).unknown
    vector = model.embed(question.items, question.user, question.context)
    return as_json({"vector": vector.tolist(), "unknown": unknown_fields(unknown)})


def search_text(model, query, limit):
    """Return the JSON of the items that match a text."""
    return as_json([{"item": name, "title": model.title(name), "events": model.count(name)}
                    for name in model.search(query, limit)])


def model_fields(model):
    """Return the JSON that describes the inputs of a Recommender."""
    context = []
    for name, kind in model.context.items():
        values, is_of_user = model.users.columns.get(name, (None, False))
        values = None if values is None or len(values) > MAX_ITEMS else [v for v in values if v]
        context.append({"name": name, "type": kind, "of_user": is_of_user, "values": values})
    return {"items": len(model.names), "users": len(model.users), "user_rows": model.has_users,
            "context": context, "categories": model.categories.names, "ordered": model.is_ordered,
            "repeats": model.repeats, "exact": model.is_exact}
