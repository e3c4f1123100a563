"""Export a trained recommender: a SavedModel for queries, and the item vectors as files.

    export.write_saved_model("runs/recsys-1/saved_model", net, checkpoint, item_names)
    export.write_item_vectors("runs/recsys-1", net, checkpoint, item_names, titles)

    saved_model_cli run --dir runs/recsys-1/saved_model --tag_set serve --signature_def recommend \\
        --input_exprs 'items=[["os.walk", "open"]];seen=[["os.walk", "open"]];k=5'

The SavedModel loads in both TensorFlow 1.15 and 2, whichever wrote it. Its signatures:

    recommend       items, seen: string [B, L], [B, M], "" pads; k: int32 scalar
                    -> items: string [B, K], scores: float32 [B, K]
    recommend_ids   items, seen: int64 [B, L], [B, M], -1 pads; k: int32 scalar
                    -> items: int64 [B, K], scores: float32 [B, K]
    embed_user      items: string [B, L]    -> vectors: float32 [B, D]
    embed_user_ids  items: int64 [B, L]     -> vectors: float32 [B, D]

`items` is the user's history, oldest first; items in `seen` are not recommended. Each signature also
takes the model's other inputs: `user` (string [B], or int64 [B] with -1 for an unknown user), and the
context columns under their own names (string [B] or float32 [B], also in the signatures with ids).

K is the smaller of k and the number of items; without k, a session returns 10. The best item comes
first, ties by the smaller id; after the last unseen item, the rest is "" or -1 with the score -inf.
Scores are the model's, biases included. Unknown names are ignored; a user without a known item has an
empty history. A missing number of the context is NaN. An id out of range, a k below 1, inputs of
different B, or an infinite number of the context raises InvalidArgumentError. A request needs memory for
B C scores.

The files, rows in the order of ids:

    item_vectors.npy    float32 [C, D]: its product with a vector of embed_user, plus
    item_biases.npy     float32 [C], is the score
    items.tsv           name, title and count in training of each item; see `items`
"""
import contextlib
import hashlib
import os

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, graph_checks
from tf1_sampled.files import writing
from tf1_sampled.logits import AddedRows, UnitRows, lookup
from tf1_sampled.recsys import columns, item_features, items, model

_BLOCK = 1 << 16  # rows of a table at a time
_SIGNATURES = ("recommend", "recommend_ids", "embed_user", "embed_user_ids")
_OWN_INPUTS = ("items", "seen", "k", "user")


def write_saved_model(folder, net, checkpoint, item_names, user_names=None, history_length=None,
                      replaces=False):
    """Write a SavedModel with the signatures above, whole or not at all.

    It is built in its own graph and session, on the CPU. The graph holds neither tables nor names: they
    are in the model's checkpoint. For a cosine model, the checkpoint holds the scaled class rows, so
    that no request scales them again.

    Args:
      folder: string, a new or empty folder.
      net: model.Network; in columns of categories, the first is "", for all others.
      checkpoint: string, path of a checkpoint with the variables of net.
      item_names: C strings, none empty, none repeated.
      user_names: net.num_users strings, none empty, none repeated; None if net has no users.
      history_length: integer, the number of latest known items to use; None for all.
      replaces: boolean, whether to replace a folder that is not empty.

    Raises:
      InputError: a folder that is not empty or cannot be created, names that do not fit net, a column
        with the name of another input, a missing checkpoint or one of other variables.
    """
    function = "write_saved_model"
    _check_count(function, "item_names", item_names, len(net.item_counts))
    _check_count(function, "user_names", user_names or [], net.num_users)
    for column in net.context:
        checks.argument(column not in _OWN_INPUTS, function, "net.context",
                        "columns of other names than " + ", ".join(_OWN_INPUTS), column)
    for names in columns.row_names(net.context).values():
        checks.argument(names[:1] == [""], function, "net.context", 'categories that begin with ""',
                        names[:1])
        items.check_names(function, "net.context", names[1:])
    if history_length is not None:
        checks.positive(function, "history_length", history_length)

    features, net = net.features, net._replace(features=None)
    with writing.writing_folder(folder, replaces) as temporary, tf.Graph().as_default(), (
            _session()) as session:
        tables = _Tables(session, net, item_names, user_names)
        tower, classes = {}, {}
        with _restorable(tower):
            queries = {name: _Query(net, name, tables, history_length) for name in _SIGNATURES}
        with _restorable(classes):
            weights, biases = net.class_table()
        _restore(session, checkpoint, dict(tower, **classes))
        _add_features(session, checkpoint, features, net.num_trained, dict(tower, **classes))
        if isinstance(weights, (UnitRows, AddedRows)):
            weights, biases = _computed(session, weights, biases, net.vector_size)
        signatures = {name: query.signature(weights, biases) for name, query in queries.items()}
        # The separate rows stay only if histories are made of them.
        kept = {v.op.name: v for v in list(tower.values()) + [weights, biases] + tables.variables}
        tf.get_collection_ref(tf.GraphKeys.GLOBAL_VARIABLES)[:] = kept.values()
        builder = tf.saved_model.Builder(temporary)
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], signatures, main_op=tables.initializer,
            clear_devices=True, strip_default_attrs=True, saver=tf.train.Saver(list(kept.values())))
        builder.save()


def write_item_vectors(folder, net, checkpoint, item_names, titles=None):
    """Write the three files above, each whole or not at all; memory for the work is bounded.

    Args:
      folder: string, the target folder.
      net: model.Network.
      checkpoint: string, path of a checkpoint with the variables of net.
      item_names: C strings, none empty, none repeated.
      titles: None, or {name: title}; an item without a title has its name there.

    Raises:
      InputError: names that do not fit net, a missing checkpoint or one of other variables, a folder
        that cannot be written.
    """
    num_items = len(net.item_counts)
    _check_count("write_item_vectors", "item_names", item_names, num_items)
    features, net = net.features, net._replace(features=None)
    with tf.Graph().as_default(), _session() as session:
        variables = {}
        with _restorable(variables):
            weights, biases = net.class_table()
        _restore(session, checkpoint, variables)
        _add_features(session, checkpoint, features, net.num_trained, variables)
        ids = tf.placeholder(tf.int64, [None])
        for name, table, shape in (("item_vectors.npy", weights, (num_items, net.vector_size)),
                                   ("item_biases.npy", biases, (num_items,))):
            rows = lookup(table, ids)
            with writing.writing(os.path.join(folder, name), "wb") as stream:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for block in _blocks(num_items):
                    stream.write(session.run(rows, {ids: block}).astype("<f4").tobytes())
    titles = titles or {}
    items.write_items(os.path.join(folder, "items.tsv"), item_names,
                      [titles.get(name) or name for name in item_names], net.item_counts)


def _check_count(function, argument, names, count):
    checks.argument(len(names) == count, function, argument, "the number in net, %d" % count,
                    len(names))
    items.check_names(function, argument, names)


def _session():
    return tf.Session(config=tf.ConfigProto(device_count={"GPU": 0}))


def _blocks(num_rows):
    """Yield the ids of consecutive rows, int64 [b]."""
    for low in range(0, num_rows, _BLOCK):
        yield np.arange(low, min(low + _BLOCK, num_rows))


@contextlib.contextmanager
def _restorable(found):
    """Return a scope whose new variables a checkpoint will fill; they are added to the dict `found`.

    TensorFlow 1.15 cannot load resource variables of later versions; all versions load these. They start
    from zeros, because the initial values of a training may be as large as the table.
    """
    def made(creator, initial_value, name, **rest):
        with tf.Graph().as_default():
            initial = initial_value()
            shape, dtype = initial.shape, initial.dtype.base_dtype
        rest.update(use_resource=False, trainable=False)
        found[name] = creator(initial_value=lambda: tf.zeros(shape, dtype), name=name, **rest)
        return found[name]

    # Not a custom getter: the library's own variables would not use it.
    with tf.variable_creator_scope(made):
        yield


def _restore(session, checkpoint, variables):
    """Set the variables, {name: variable}, to their values in a checkpoint."""
    try:
        shapes = tf.train.NewCheckpointReader(checkpoint).get_variable_to_shape_map()
    except (ValueError, tf.errors.OpError) as e:
        raise checks.InputError("%s: wanted a checkpoint, got: %s" % (
            checkpoint, str(e).split("\n")[0])) from e
    for name, variable in variables.items():
        shape = variable.shape.as_list()
        checks.file(name in shapes, checkpoint, "a checkpoint with %s %s" % (name, shape), "none")
        checks.file(shapes[name] == shape, checkpoint, "a checkpoint with %s %s" % (name, shape),
                    shapes[name])
    tf.train.Saver(variables).restore(session, checkpoint)


def _add_features(session, checkpoint, features, num_own, variables):
    """Add the feature rows in a checkpoint to the item rows in {name: variable}.

    The exported model then needs no features. Items from `num_own` on have only their features.
    """
    if features is None:
        return
    reader = tf.train.NewCheckpointReader(checkpoint)
    for name in set(variables) & set(model.ITEM_TABLES):
        num_items, width = variables[name].shape.as_list()
        table, wanted = model.feature_table(name), [len(features.names), width]
        got = reader.get_variable_to_shape_map().get(table)
        checks.file(got == wanted, checkpoint, "a checkpoint with %s %s" % (table, wanted), got)
        rows = reader.get_tensor(table)
        ids, sums = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, width])
        own = tf.gather(variables[name], ids) * tf.cast(ids < num_own, tf.float32)[:, None]
        add = tf.scatter_update(variables[name], ids, own + sums).op
        for block in _blocks(num_items):
            session.run(add, {ids: block, sums: item_features.sums(features, block, rows)})


def _computed(session, weights, biases, width):
    """Return variables of the class rows, already summed and scaled, and of their biases."""
    num_items = biases.shape.as_list()[0]
    vectors = tf.get_variable("item_vectors", [num_items, width], initializer=tf.zeros_initializer(),
                              trainable=False, use_resource=False)
    session.run(vectors.initializer)
    ids = tf.placeholder(tf.int64, [None])
    fill = tf.scatter_update(vectors, ids, lookup(weights, ids)).op
    for block in _blocks(num_items):
        session.run(fill, {ids: block})
    return vectors, biases


class _Names:
    """Lookup tables from name to id and from id to name.

    The names are in a variable that fills the table. TensorFlow can also fill a table from the lines of
    a text file, but these would lose some characters.
    """

    def __init__(self, session, kind, names):
        encoded = [name.encode("utf-8") for name in names]
        start = tf.placeholder(tf.string, [len(names)])
        self.variable = tf.get_variable(kind + "_names", initializer=start, trainable=False,
                                        use_resource=False)
        # Object arrays: string arrays would lose trailing NULs.
        session.run(self.variable.initializer, {start: np.array(encoded, object)})
        # Tables with equal names may be shared: models with the same table name have the same names.
        digest = hashlib.sha256(b"".join(b"%d:%s" % (len(name), name) for name in encoded))
        self._table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64,
                                             shared_name="names_" + digest.hexdigest()[:16])
        self.initializer = tf.raw_ops.InitializeTableV2(
            table_handle=self._table, keys=self.variable, values=tf.range(len(names), dtype=tf.int64))
        self.size = len(names)

    def ids(self, names, unknown):
        """Return the int64 ids of names, in their shape; `unknown` for an unknown name."""
        ids = tf.raw_ops.LookupTableFindV2(
            table_handle=self._table, keys=names, default_value=tf.constant(unknown, tf.int64))
        return tf.ensure_shape(ids, names.shape)

    def names(self, ids):
        """Return the names of ids, string in their shape; "" for -1."""
        names = tf.gather(self.variable, tf.maximum(ids, 0))
        return tf.where(ids < 0, tf.fill(tf.shape(ids), ""), names)


class _Tables:
    """The lookup tables of items, users and categories."""

    def __init__(self, session, net, item_names, user_names):
        self.items = _Names(session, "item", item_names)
        self.users = _Names(session, "user", user_names) if net.num_users else None
        texts, places = columns.row_names(net.context), list(net.context)
        self.columns = {column: _Names(session, "category_%d" % places.index(column), names)
                        for column, names in texts.items()}
        made = [names for names in [self.items, self.users, *self.columns.values()] if names]
        self.variables = [names.variable for names in made]
        self.initializer = tf.group(*[names.initializer for names in made])


class _Query:
    """The graph of one signature, from its inputs to its outputs.

      vectors: float32 [B, D].
    """

    def __init__(self, net, function, tables, history_length):
        self._function, self._tables, self._columns = function, tables, net.context
        self._by_id = function.endswith("_ids")
        self._inputs = {}
        history = self._ids("items", tables.items, [None, None])  # [B, L]
        self._num_rows = tf.shape(history)[0]
        known = history >= 0
        end = tf.cumsum(tf.reduce_sum(tf.cast(known, tf.int32), 1))  # [B]
        begin = tf.concat([tf.zeros_like(end[:1]), end[:-1]], 0)
        if history_length is not None:
            begin = tf.maximum(begin, end - history_length)
        events = tf.cast(tf.boolean_mask(history, known), tf.int32)
        users = tf.cast(self._ids("user", tables.users, [None]), tf.int32) if net.num_users else None
        self.vectors = tf.ensure_shape(net.user_vectors(model.Inputs(
            items=events, begin=begin, end=end, own=None, users=users,
            context={column: kind.served(self, column) for column, kind in net.context.items()},
            ages=None)), [None, net.vector_size])

    def signature(self, weights, biases):
        """Return the SignatureDef."""
        if self._function.startswith("embed"):
            outputs = {"vectors": self.vectors}
        else:
            outputs = self._best(weights, biases)
        return tf.saved_model.predict_signature_def(self._inputs, outputs)

    def _best(self, weights, biases):
        """Return {output: tensor} of the unseen items with the largest scores."""
        num_items = self._tables.items.size
        seen = self._ids("seen", self._tables.items, [None, None])  # [B, M]
        k = self._inputs["k"] = tf.placeholder_with_default(tf.constant(10), [], self._name("k"))
        k = graph_checks.holds(k > 0, k, k, function=self._function, argument="k",
                               wanted="an integer above 0")
        scores = tf.matmul(self.vectors, weights, transpose_b=True) + biases  # [B, C]
        known = seen >= 0
        pairs = tf.stack([tf.where(known)[:, 0], tf.boolean_mask(seen, known)], 1)  # [n, 2]
        lowest = tf.fill(tf.shape(pairs)[:1], -np.float32(np.inf))
        best, ids = tf.nn.top_k(tf.tensor_scatter_nd_update(scores, pairs, lowest),
                                tf.minimum(k, num_items))
        ids = tf.cast(ids, tf.int64)
        ids = tf.where(best > -np.inf, ids, -tf.ones_like(ids))
        return {"items": ids if self._by_id else self._tables.items.names(ids), "scores": best}

    def _ids(self, name, names, shape):
        """Return a new input of names or ids as int64 ids; -1 for none."""
        asked = self._input(name, name, tf.int64 if self._by_id else tf.string, shape)
        if not self._by_id:
            return names.ids(asked, -1)
        none = tf.equal(asked, -1)
        some = tf.where(none, tf.zeros_like(asked), asked)
        return tf.where(none, asked, graph_checks.ids_below(some, names.size, self._function, name))

    def category_ids(self, column):
        """Return a new input of category names as their ids, int32 [B]; 0 for unknown ones."""
        return tf.cast(self._tables.columns[column].ids(self._column(column), 0), tf.int32)

    def numbers_or_nan(self, column):
        """Return a new input of numbers, float32 [B], NaN if missing; infinite numbers are errors."""
        value = self._column(column)
        infinite = tf.is_inf(value)
        wrong = tf.boolean_mask(value, infinite)[:5]
        return graph_checks.holds(tf.logical_not(tf.reduce_any(infinite)), wrong, value,
                                  function=self._function, argument=column,
                                  wanted="finite numbers or NaN")

    def _column(self, column):
        """Return a new input of a context column, [B]."""
        return self._input(column, "context_%d" % list(self._columns).index(column),
                           tf.as_dtype(self._columns[column].serving_dtype), [None])

    def _input(self, name, op_name, dtype, shape):
        """Return a new input; all inputs have as many rows as the first."""
        value = self._inputs[name] = tf.placeholder(dtype, shape, self._name(op_name))
        if name == "items":
            return value
        num_rows = tf.shape(value)[0]
        return graph_checks.holds(tf.equal(num_rows, self._num_rows), num_rows, value,
                                  function=self._function, argument=name,
                                  wanted="as many rows as items")

    def _name(self, op_name):
        return "%s_%s" % (self._function, op_name)
