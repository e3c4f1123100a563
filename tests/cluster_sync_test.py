from unittest import mock

import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import cluster_case, graph_case
from tf1_sampled.cluster import sync
from tf1_sampled.training import steps


class SyncHookTest(graph_case.GraphCase):

    @parameterized.parameters((tf.errors.InvalidArgumentError(None, None, "broken"), True),
                              (tf.errors.AbortedError(None, None, "gone"), False),
                              (RuntimeError("Attempted to use a closed Session."), False))
    def test_an_error_of_the_updates_is_raised_unless_the_session_ended(self, error, is_raised):
        which = cluster_case.a_worker()
        w = tf.get_variable("w", [], use_resource=True)
        optimizer = sync.sync_optimizers(which, tf.train.GradientDescentOptimizer)(0.1)
        steps.minimize(tf.square(w), optimizer, global_step=tf.train.get_or_create_global_step())
        hook = sync.SyncHook(which, optimizer)
        hook.check()
        session, coord = mock.Mock(), mock.Mock()
        session.run.side_effect = [None, error, error]
        coord.should_stop.return_value = coord.wait_for_stop.return_value = False
        hook.after_create_session(session, coord)
        hook.join()
        if is_raised:
            with self.assertRaisesRegex(type(error), "broken"):
                hook.check()
        else:
            hook.check()
        # The next session starts without the error.
        session.run.side_effect = [None, RuntimeError(), RuntimeError()]
        hook.after_create_session(session, coord)
        hook.join()
        hook.check()


if __name__ == "__main__":
    absltest.main()
