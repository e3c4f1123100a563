"""Tests of trust: models that do more than compute are refused before any part of them runs."""
import os

import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized
from tensorflow.core.protobuf import saved_model_pb2

from tests import recommender_case
from tf1_sampled import checks
from tf1_sampled.recsys import recommender, trust

_SIGNATURES = ["embed_user_ids", "recommend_ids"]


def _write_file(path, result):
    """Return `result` after an op that writes a file."""
    with tf.control_dependencies([tf.io.write_file(path, "stolen")]):
        return tf.identity(result)


class TrustTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.stolen = os.path.join(self.folder, "stolen")
        recommender_case.write_model(self.folder)
        self.path = os.path.join(self.folder, "saved_model")

    def rewrite(self, change):
        """Replace the recommender's SavedModel.

        Args:
          change: function of the vectors [B, 2] -> (vectors that the signature gives, init op or None).
        """
        with tf.Graph().as_default(), tf.Session() as session:
            items = tf.placeholder(tf.int64, [None, None])
            bias = tf.get_variable("bias", [2], use_resource=True)
            vectors = tf.cast(tf.stack([tf.reduce_sum(items, 1)] * 2, 1), tf.float32) + bias
            vectors, init_op = change(vectors)
            session.run(tf.global_variables_initializer())
            tf.gfile.DeleteRecursively(self.path)
            builder = tf.saved_model.Builder(self.path)
            builder.add_meta_graph_and_variables(
                session, [tf.saved_model.SERVING], {_SIGNATURES[0]: tf.saved_model.predict_signature_def(
                    {"items": items}, {"vectors": vectors})}, main_op=init_op)
            builder.save()

    def edit(self, change):
        """Change the SavedModel's MetaGraphDef in its file, by a function of it."""
        path = os.path.join(self.path, "saved_model.pb")
        model = saved_model_pb2.SavedModel()
        with open(path, "rb") as stream:
            model.ParseFromString(stream.read())
        change(model.meta_graphs[0])
        with open(path, "wb") as stream:
            stream.write(model.SerializeToString())

    def assert_refused(self, ops):
        for load in (lambda: trust.check(self.path, _SIGNATURES),
                     lambda: recommender.Recommender(self.folder)):
            with self.assertRaisesRegex(checks.InputError, "saved_model.pb: wanted a graph that only "
                                        "computes, got the ops %s; --trust_model " % ops):
                load()
        self.assertFalse(os.path.exists(self.stolen))

    def test_a_model_that_computes_is_loaded(self):
        trust.check(self.path, _SIGNATURES)
        self.rewrite(lambda vectors: (vectors, None))
        recommender.Recommender(self.folder).close()

    @parameterized.named_parameters(
        ("request", lambda path, x: (_write_file(path, x), None)),
        ("load", lambda path, x: (x, tf.io.write_file(path, "stolen"))))
    def test_op_that_writes_a_file_is_refused(self, change):
        self.rewrite(lambda vectors: change(self.stolen, vectors))
        self.assert_refused("WriteFile")
        with recommender.Recommender(self.folder, trust_model=True) as model:
            model.embed(["alien"])
        self.assertTrue(os.path.exists(self.stolen))  # so the test can fail

    def test_ops_that_read_files_call_python_or_draw_are_refused(self):
        self.rewrite(lambda x: (x + tf.cast(tf.strings.length(tf.io.read_file(self.stolen)), tf.float32)
                                + tf.random.uniform([]) + tf.py_func(lambda: 0.0, [], tf.float32), None))
        self.assert_refused("PyFunc, RandomUniform, ReadFile, StringLength")

    def test_restoring_another_checkpoint_is_refused(self):
        self.rewrite(lambda x: (x + tf.raw_ops.RestoreV2(
            prefix=self.stolen, tensor_names=["a"], shape_and_slices=[""],
            dtypes=[tf.float32])[0], None))
        self.assert_refused("RestoreV2")

    def test_restore_op_that_reads_another_file_is_refused(self):
        def change(meta_graph):
            prefix = meta_graph.graph_def.node.add(name="elsewhere", op="Identity", input=["x"])
            for node in meta_graph.graph_def.node:
                if node.op == "RestoreV2":
                    node.input[0] = prefix.name

        self.edit(change)
        self.assert_refused("RestoreV2")

    def test_restore_op_that_writes_is_refused(self):
        def change(meta_graph):
            save = next(n for n in meta_graph.graph_def.node if n.op == "SaveV2")
            meta_graph.saver_def.restore_op_name = save.name

        self.edit(change)
        self.assert_refused(".*SaveV2.*")

    def test_op_in_a_branch_is_refused(self):
        self.rewrite(lambda vectors: (tf.cond(tf.reduce_sum(vectors) > 0, lambda: vectors,
                                              lambda: _write_file(self.stolen, vectors)), None))
        self.assert_refused("WriteFile")

    def test_op_in_a_function_is_refused(self):
        def call(meta_graph):
            graph = meta_graph.graph_def
            write = next(node for node in graph.node if node.op == "WriteFile")
            function = graph.library.function.add()
            function.signature.name = "innocent"
            function.node_def.add().CopyFrom(write)
            write.op = "PartitionedCall"
            write.attr["f"].func.name = "innocent"
            self.assertEqual(trust.foreign_ops(meta_graph, _SIGNATURES), ["WriteFile"])
            function.node_def[0].op = "Identity"
            self.assertEqual(trust.foreign_ops(meta_graph, _SIGNATURES), [])

        self.rewrite(lambda vectors: (_write_file(self.stolen, vectors), None))
        self.edit(call)

    def test_op_of_another_used_signature_is_refused(self):
        def change(meta_graph):
            meta_graph.graph_def.node.add(name="leave", op="WriteFile", input=["^other"])
            meta_graph.signature_def["recommend_ids"].outputs["items"].name = "leave:0"

        self.edit(change)
        self.assert_refused("WriteFile")

    @parameterized.parameters(("saved_model_main_op",), ("legacy_init_op",))
    def test_init_op_in_a_collection_is_refused(self, key):
        def change(meta_graph):
            meta_graph.graph_def.node.add(name="leave", op="WriteFile", input=["^other"])
            meta_graph.collection_def[key].node_list.value.append("leave")

        self.edit(change)
        self.assert_refused("WriteFile")

    def test_init_op_in_a_signature_is_refused(self):
        def change(meta_graph):
            meta_graph.graph_def.node.add(name="leave", op="WriteFile", input=["^other"])
            meta_graph.signature_def["__saved_model_init_op"].outputs["init"].name = "leave"

        self.edit(change)
        self.assert_refused("WriteFile")

    def test_files_without_a_model_for_serving_are_refused(self):
        def other_tag(meta_graph):
            meta_graph.meta_info_def.tags[:] = ["train"]

        self.edit(other_tag)
        with self.assertRaisesRegex(checks.InputError, "wanted a SavedModel for serving, got none$"):
            trust.check(self.path, _SIGNATURES)
        with open(os.path.join(self.path, "saved_model.pb"), "wb") as stream:
            stream.write(b"nothing")
        with self.assertRaisesRegex(checks.InputError, "wanted a SavedModel for serving, got: "):
            trust.check(self.path, _SIGNATURES)


if __name__ == "__main__":
    absltest.main()
