"""Word vectors for other programs: a SavedModel to ask, and files for TensorBoard's projector.

    export.write_saved_model("runs/word2vec-1/saved_model", words, vectors)

    saved_model_cli run --dir runs/word2vec-1/saved_model --tag_set serve \\
        --signature_def most_similar --input_exprs 'words=["king", "queen"];k=3'

    model = tf.saved_model.load("runs/word2vec-1/saved_model")       # TensorFlow 2
    model.signatures["embed"](words=tf.constant(["king"]))

The SavedModel loads in TensorFlow 1.15 and 2 alike, whichever wrote it. Its signatures:

    embed         words: string [N]                     -> vectors: float32 [N, D], known: bool [N]
    embed_ids     ids: int64 [N]                        -> vectors: float32 [N, D]
    most_similar  words: string [N], k: int32 scalar    -> words: string [N, k], cosines: float32 [N, k]

A word is looked up as it is. One that is not known has a vector of zeros; its most similar words are
empty strings with the cosine 0. most_similar gives the words of the largest cosine, best first, ties by
the smaller id and without the word itself; it gives all other words where k is larger than V - 1, and
takes memory for N V numbers. An id out of range or a k below 1 is an InvalidArgumentError.
"""
import hashlib
import os
import re
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, graph_checks
from tf1_sampled.files import writing

_BREAKS = re.compile("[ \t\n\r\v\f\0]")
# What browsers leave of a line when they look whether it is empty; Python's strip() keeps the last.
_BLANK = re.compile("[\\s\ufeff]*$")
_CONFIG = """embeddings {
  tensor_name: "word vectors"
  tensor_path: "vectors.tsv"
  tensor_shape: %d
  tensor_shape: %d
  metadata_path: "metadata.tsv"
}
"""


def write_saved_model(folder, words, vectors, replaces=False):
    """Writes a SavedModel that answers the signatures above, whole or not at all.

    It is made in a graph and a session of its own, on the CPU. The graph does not hold the vectors:
    they are in the model's checkpoint, the words in a file of its assets.

    Args:
      folder: where to; one that is not there or is empty.
      words: V strings without blanks and line ends, none empty, none twice.
      vectors: [V, D] of numbers, finite as float32.
      replaces: boolean, whether a folder with something in it gives way.

    Raises:
      InputError: a folder with something in it or that cannot be made, words or vectors that are
        not as above.
    """
    words, vectors = _checked("write_saved_model", words, vectors, least=1)
    text = ("\n".join(words) + "\n").encode("utf-8")
    # The graph remembers where the words came from: not from a folder with the user's name in it.
    with writing.writing_folder(folder, replaces) as temporary, tempfile.TemporaryDirectory() as place:
        asset = os.path.join(place, "words.txt")
        with open(asset, "wb") as stream:
            stream.write(text)
        with tf.Graph().as_default():
            table, fill_table = _variable("vectors", vectors)
            scale, fill_scale = _variable("inverse_lengths", _inverse_lengths(vectors))
            # Tables of one name may be shared: models with one name for them have the same words.
            vocabulary = _Vocabulary(asset, hashlib.sha256(text).hexdigest()[:16])
            signatures = _signatures(table, scale, vocabulary)
            with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
                fill_table(session)
                fill_scale(session)
                builder = tf.saved_model.Builder(temporary)
                builder.add_meta_graph_and_variables(
                    session, [tf.saved_model.SERVING], signatures,
                    assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS),
                    main_op=vocabulary.initializer, clear_devices=True, strip_default_attrs=True)
                builder.save()


def write_projector(folder, words, vectors, replaces=False, most=10000):
    """Writes what `tensorboard --logdir FOLDER` shows as an embedding, whole or not at all.

        projector_config.pbtxt    names the other two
        vectors.tsv               a vector per line, six digits, tabs between
        metadata.tsv              a word per line, no header, as it is one column

    The standalone projector (its "Load") reads the two .tsv files too. Words are labels there and stay
    as they are, also one that begins with =, +, - or @, which a spreadsheet would compute.

    Args:
      folder: where to; one that is not there or is empty.
      words: V strings without blanks and line ends, none empty, none twice, in falling frequency.
      vectors: [V, D] of numbers, finite as float32, V and D at least 2.
      replaces: boolean, whether a folder with something in it gives way.
      most: integer, how many of the first words to write: a browser does not show very many.

    Raises:
      InputError: a folder with something in it or that cannot be made, words or vectors that are
        not as above, `most` below 2.
    """
    checks.positive("write_projector", "most", most)
    checks.argument(most > 1, "write_projector", "most", "an integer above 1", most)
    words, vectors = _checked("write_projector", words, vectors, least=2)
    words, vectors = words[:most], vectors[:most]
    with writing.writing_folder(folder, replaces) as temporary:
        os.mkdir(temporary)

        def stream(name):
            return open(os.path.join(temporary, name), "w", encoding="utf-8", newline="\n")

        with stream("vectors.tsv") as out:
            form = "\t".join(["%.6g"] * vectors.shape[1]) + "\n"
            out.writelines(form % tuple(row.tolist()) for row in vectors)
        with stream("metadata.tsv") as out:
            # The projector skips lines that look empty, and all labels after them would be shifted.
            out.writelines((ascii(word) if _BLANK.match(word) else word) + "\n" for word in words)
        with stream("projector_config.pbtxt") as out:
            out.write(_CONFIG % vectors.shape)


def _checked(function, words, vectors, least):
    """(list of words, float32 [V, D]) that fit together and into the files."""
    words = list(words)
    with np.errstate(over="ignore"):  # found below, with its word
        vectors = np.ascontiguousarray(vectors, np.float32)
    checks.argument(vectors.ndim == 2 and min(vectors.shape) >= least, function, "vectors",
                    "an array [V, D] of at least %d by %d" % (least, least), vectors.shape)
    checks.argument(len(words) == len(vectors), function, "words",
                    "as many words as vectors, %d" % len(vectors), len(words))
    seen = set()
    for word in words:
        fits = isinstance(word, str) and word != "" and not _BREAKS.search(word)
        checks.argument(fits, function, "words", "words without blanks and line ends, none empty", word)
        checks.argument(not any("\ud800" <= c <= "\udfff" for c in word), function, "words",
                        "words of Unicode characters", word)
        checks.argument(word not in seen, function, "words", "each word once", word)
        seen.add(word)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        checks.argument(False, function, "vectors", "finite numbers for the word %r" % words[row],
                        vectors[row].tolist())
    return words, vectors


def _inverse_lengths(vectors):
    """1 / |row|, float32 [V]; 0 for a row of zeros, or one so small that float32 lacks its 1 / |row|."""
    lengths = np.sqrt(np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64))
    lengths[lengths < np.finfo(np.float32).tiny] = np.inf
    return (1 / lengths).astype(np.float32)


def _variable(name, array):
    """A variable, and the function of a session that gives it the value of an array.

    TensorFlow 1.15 cannot load the resource variables of later ones, and all load these.
    """
    initial = tf.placeholder(array.dtype, array.shape, "initial_" + name)
    variable = tf.get_variable(name, initializer=initial, trainable=False, use_resource=False)
    return variable, lambda session: session.run(variable.initializer, {initial: array})


class _Vocabulary:
    """Word to id and id to word, both by one file of the model's assets.

    tf.lookup's classes call the table by the file's path, or all by one name: the ops themselves.
    """

    def __init__(self, path, name):
        path = tf.constant(path, name="words_file")
        tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, path)
        self._ids, fill_ids = self._table(path, name, tf.string, tf.int64)
        self._words, fill_words = self._table(path, name, tf.int64, tf.string)
        self.initializer = tf.group(fill_ids, fill_words)

    def _table(self, path, name, key, value):
        whole_line, line_number = -2, -1
        table = tf.raw_ops.HashTableV2(key_dtype=key, value_dtype=value,
                                       shared_name="words_%s_by_%s" % (name, key.name))
        fill = tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table, filename=path,
            key_index=whole_line if key == tf.string else line_number,
            value_index=whole_line if value == tf.string else line_number)
        return table, fill

    def ids(self, words):
        """int64, of the shape of words; -1 where a word is not known."""
        return tf.raw_ops.LookupTableFindV2(
            table_handle=self._ids, keys=words, default_value=tf.constant(-1, tf.int64))

    def words(self, ids):
        """string, of the shape of ids; empty for -1."""
        return tf.raw_ops.LookupTableFindV2(
            table_handle=self._words, keys=ids, default_value=tf.constant(""))


def _signatures(table, scale, vocabulary):
    """{name: SignatureDef} of the three signatures.

    Args:
      table: float32 [V, D].
      scale: float32 [V], 1 / |row|.
      vocabulary: a _Vocabulary.
    """
    num_words, dimension = table.shape.as_list()
    words = tf.placeholder(tf.string, [None], "words")
    ids = vocabulary.ids(words)  # [N]
    known = ids >= 0
    row = tf.maximum(ids, 0)
    mask = tf.cast(known, tf.float32)[:, None]
    vectors = tf.ensure_shape(tf.gather(table, row) * mask, [None, dimension])

    asked = tf.placeholder(tf.int64, [None], "ids")
    asked_vectors = tf.gather(table, graph_checks.ids_below(asked, num_words, "embed_ids", "ids"))

    k = tf.placeholder_with_default(tf.constant(10), [], "k")
    largest = tf.minimum(
        graph_checks.holds(k > 0, k, k, "most_similar", "k", wanted="an integer above 0"), num_words - 1)
    queries = vectors * tf.gather(scale, row)[:, None]
    cosines = tf.matmul(queries, table, transpose_b=True) * scale  # [N, V]
    best, best_ids = tf.nn.top_k(cosines, largest + 1)
    best_ids = tf.cast(best_ids, tf.int64)
    # One of the k + 1 goes: the word itself, or the last where others of its cosine come before it.
    itself = tf.equal(best_ids, row[:, None])
    last = tf.logical_not(tf.reduce_any(itself, axis=1, keepdims=True))
    stays = tf.logical_not(tf.concat([itself[:, :-1], itself[:, -1:] | last], axis=1))
    stays.set_shape([None, None])
    shape = tf.stack([tf.shape(words)[0], largest])
    best = tf.reshape(tf.boolean_mask(best, stays), shape)
    best_ids = tf.reshape(tf.boolean_mask(best_ids, stays), shape)
    best_words = vocabulary.words(tf.where(tf.broadcast_to(known[:, None], shape), best_ids,
                                           tf.fill(shape, tf.constant(-1, tf.int64))))
    signature = tf.saved_model.predict_signature_def
    return {
        "embed": signature({"words": words}, {"vectors": vectors, "known": known}),
        "embed_ids": signature({"ids": asked}, {"vectors": asked_vectors}),
        "most_similar": signature({"words": words, "k": k}, {"words": best_words, "cosines": best}),
    }
