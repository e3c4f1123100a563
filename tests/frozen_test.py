import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, run_program
from tf1_sampled import frozen

_ARRAYS = {"float32": np.arange(12, dtype=np.float32).reshape(6, 2), "int64": np.arange(6) * (1 << 40),
           "float64": np.linspace(0, 1, 7)}


class FrozenTest(graph_case.GraphCase):

    def frozen(self, array, in_file, folder=None):
        largest = frozen.LARGEST_CONSTANT
        self.addCleanup(setattr, frozen, "LARGEST_CONSTANT", largest)
        frozen.LARGEST_CONSTANT = 0 if in_file else largest
        return frozen.Frozen(array, "array", folder)

    @parameterized.product(name=sorted(_ARRAYS), in_file=[False, True])
    def test_elements_are_the_arrays(self, name, in_file):
        array, ids = _ARRAYS[name], np.array([[3, 0], [5, 3]])
        of_ids = self.frozen(array, in_file).gather(ids)
        with tf.Session() as session:  # nothing is initialized
            elements = session.run(of_ids)
        np.testing.assert_array_equal(elements, array[ids])
        self.assertEqual(elements.dtype, array.dtype)
        self.assertEmpty(tf.global_variables() + tf.local_variables())

    @parameterized.parameters(False, True)
    def test_a_loop_and_a_condition_can_read_it(self, in_file):
        def body(i, total):
            return i + 1, total + self.frozen(_ARRAYS["float64"], in_file).gather(i)

        _, total = tf.while_loop(lambda i, _: i < 7, body, [0, tf.constant(0, tf.float64)])
        self.assert_close(self.run_graph(total), _ARRAYS["float64"].sum())

    def test_a_large_array_is_in_a_file_and_not_in_the_graph(self):
        array = np.arange(frozen.LARGEST_CONSTANT // 8 + 1)
        element = frozen.Frozen(array, "array").gather(len(array) - 1)
        self.assertLess(tf.get_default_graph().as_graph_def().ByteSize(), 2000)
        self.assertEqual(self.run_graph(element), len(array) - 1)

    def test_ops_that_read_a_file_are_on_the_cpu(self):
        with tf.device("/gpu:0"):
            element = self.frozen(_ARRAYS["float64"], True).gather([1])
        self.assertIn("CPU", element.device)

    def test_the_same_array_is_one_file_in_the_folder_that_is_asked_for(self):
        folder = self.create_tempdir().full_path
        for array in (_ARRAYS["float64"], _ARRAYS["float64"].copy(), _ARRAYS["int64"]):
            self.frozen(array, True, folder)
        self.assertLen(os.listdir(folder), 2)

    def test_files_of_a_process_are_deleted_when_it_ends(self):
        folder = self.create_tempdir().full_path
        script = ("import numpy as np, os, sys, tempfile, tensorflow.compat.v1 as tf\n"
                  "tempfile.tempdir = sys.argv[1]\n"
                  "from tf1_sampled import frozen\n"
                  "frozen.LARGEST_CONSTANT = 0\n"
                  "with tf.Graph().as_default():\n"
                  "    frozen.Frozen(np.arange(3), 'array')\n"
                  "print(len(os.listdir(sys.argv[1])))\n")
        code, out, err = run_program.run_code(script, folder, folder)
        self.assertEqual((code, out.split()[-1:]), (0, ["1"]), err)
        self.assertEmpty(os.listdir(folder))


if __name__ == "__main__":
    absltest.main()
