"""Export word vectors: as a SavedModel that answers queries, and to TensorBoard's projector.

    export.write_saved_model("runs/word2vec-1/saved_model", words, vectors)

    saved_model_cli run --dir runs/word2vec-1/saved_model --tag_set serve \\
        --signature_def most_similar --input_exprs 'words=["king", "queen"];k=3'

    model = tf.saved_model.load("runs/word2vec-1/saved_model")       # TensorFlow 2
    model.signatures["embed"](words=tf.constant(["king"]))

The SavedModel loads in TensorFlow 1.15 and 2, whichever version wrote it. Its signatures:

    embed         words: string [N]                     -> vectors: float32 [N, D], known: bool [N]
    embed_ids     ids: int64 [N]                        -> vectors: float32 [N, D]
    most_similar  words: string [N], k: int32 scalar    -> words: string [N, k], cosines: float32 [N, k]

Words are looked up exactly, with their case. An unknown word has a vector of zeros, and its most similar
words are empty strings with cosine 0. most_similar returns the words with the largest cosine, best
first, ties by the smaller id, without the word itself. If k is larger than V - 1, it returns V - 1
words. It needs memory for N V numbers. An id out of range or a k below 1 is an InvalidArgumentError.
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
# Lines that browsers take for empty. Python's strip() keeps the byte order mark.
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
    """Write a SavedModel with the signatures above, whole or not at all.

    The function makes its own graph and session, on the CPU. The model's checkpoint holds the vectors,
    and a file of its assets the words; the graph holds neither.

    Args:
      folder: path of a new or empty folder.
      words: V distinct non-empty strings without blanks and line ends.
      vectors: [V, D] of numbers, finite as float32.
      replaces: boolean, whether to replace a folder that is not empty.

    Raises:
      InputError: a folder that is not empty or cannot be made, invalid words or vectors.
    """
    words, vectors = _checked("write_saved_model", words, vectors, least=1)
    text = ("\n".join(words) + "\n").encode("utf-8")
    # The graph records the path of the words, which must not contain the user's name.
    with writing.writing_folder(folder, replaces) as temporary, tempfile.TemporaryDirectory() as place:
        asset = os.path.join(place, "words.txt")
        with open(asset, "wb") as stream:
            stream.write(text)
        with tf.Graph().as_default():
            table, fill_table = _variable("vectors", vectors)
            scale, fill_scale = _variable("inverse_lengths", _inverse_lengths(vectors))
            # Tables with the same name may be shared, so the name is a hash of the words.
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
    """Write the files of TensorBoard's projector, whole or not at all.

        projector_config.pbtxt    names the two other files
        vectors.tsv               a vector per line: numbers of six digits, separated by tabs
        metadata.tsv              a word per line; a file of one column has no header

    `tensorboard --logdir FOLDER` shows them as an embedding. The standalone projector ("Load") also
    reads the two .tsv files. Words stay as they are, even if they begin with =, +, - or @: the projector
    shows them as labels, but a spreadsheet would compute them.

    Args:
      folder: path of a new or empty folder.
      words: V distinct non-empty strings without blanks and line ends, in falling order of frequency.
      vectors: [V, D] of numbers, finite as float32, V and D at least 2.
      replaces: boolean, whether to replace a folder that is not empty.
      most: integer, the number of first words to write; a browser is slow with more.

    Raises:
      InputError: a folder that is not empty or cannot be made, invalid words or vectors, `most` below 2.
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
            # The projector skips lines that look empty, which would shift all labels after them.
            out.writelines((ascii(word) if _BLANK.match(word) else word) + "\n" for word in words)
        with stream("projector_config.pbtxt") as out:
            out.write(_CONFIG % vectors.shape)


def _checked(function, words, vectors, least):
    """Check words and vectors for an export; return (list of words, float32 [V, D])."""
    words = list(words)
    with np.errstate(over="ignore"):  # the check below names the word
        vectors = np.ascontiguousarray(vectors, np.float32)
    checks.argument(vectors.ndim == 2 and min(vectors.shape) >= least, function, "vectors",
                    "an array [V, D] of at least %d by %d" % (least, least), vectors.shape)
    checks.argument(len(words) == len(vectors), function, "words",
                    "as many words as vectors, %d" % len(vectors), len(words))
    seen = set()
    for word in words:
        fits = isinstance(word, str) and word != "" and not _BREAKS.search(word)
        checks.argument(fits, function, "words", "non-empty words without blanks and line ends", word)
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
    """Compute 1 / |row|, float32 [V]; 0 if float32 cannot hold it, as for a row of zeros."""
    lengths = np.sqrt(np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64))
    lengths[lengths < np.finfo(np.float32).tiny] = np.inf
    return (1 / lengths).astype(np.float32)


def _variable(name, array):
    """Return (a variable, a function of a session that sets it to an array).

    It is not a resource variable: TensorFlow 1.15 cannot load resource variables of later versions.
    """
    initial = tf.placeholder(array.dtype, array.shape, "initial_" + name)
    variable = tf.get_variable(name, initializer=initial, trainable=False, use_resource=False)
    return variable, lambda session: session.run(variable.initializer, {initial: array})


class _Vocabulary:
    """Tables from words to ids and from ids to words, from a file of the model's assets.

    It uses raw ops, as tf.lookup's classes name a table by the path of the file, or all tables alike.
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
        """Look up words: return int64 of the same shape, -1 for unknown words."""
        return tf.raw_ops.LookupTableFindV2(
            table_handle=self._ids, keys=words, default_value=tf.constant(-1, tf.int64))

    def words(self, ids):
        """Look up ids: return strings of the same shape, empty for -1."""
        return tf.raw_ops.LookupTableFindV2(
            table_handle=self._words, keys=ids, default_value=tf.constant(""))


def _signatures(table, scale, vocabulary):
    """Return the three signatures: {name: SignatureDef}.

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
    # Drop one of k + 1: the word itself or, if ties have displaced it, the last one.
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
