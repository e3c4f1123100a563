"""Many steps of a training op in one call of a session: a loop in the graph around a copy of the op.

    loop = StepLoop(train_op, [seed])          before the session is created
    run = loop.runner(session)
    run([{x: 1.0}, {x: 2.0}], {seed: [3, 4]})  two steps

No Python runs within a step, so that Python's global lock does not limit the number of threads. A step
reads the updates of the step before it, and has the same result as in a call of its own.
"""
import typing

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.ops import control_flow_ops

from tf1_sampled import checks

_LARGEST_COPY = 1 << 12  # maximum bytes of a constant that is copied with the op
# Ops that TensorFlow marks as stateful, but whose copies have the same results.
_HARMLESS = frozenset({"Assert", "If", "While", "StatefulPartitionedCall"})
_OF_VARIABLES = ("Resource", "ReadVariable", "Assign")  # prefixes of the types of ops of variables


def obstacle(op):
    """Return the reason why a loop cannot run the steps of an op, or None if it can.

    A copy of a random op or of a Python function has its own state: it would repeat draws or data. All
    copies of an op share variables, queues and tables.

    Args:
      op: tf.Operation.

    Returns:
      string, or None.
    """
    ops = _needed(op)
    for needed in ops.values():
        if needed.type == "Placeholder" and needed.outputs[0].shape.rank is None:
            return "%s has no known rank" % needed.name
        if needed.type in ("Enter", "RefEnter"):
            return "%s is part of a loop of TensorFlow's older kind" % needed.name
        if (needed.op_def.is_stateful and needed.type not in _HARMLESS and not _holds(needed)
                and not any(_is_state(tensor) for tensor in needed.inputs)):
            return "%s (%s) has a state of its own" % (needed.name, needed.type)
    for node in _nodes_of_functions(op.graph, ops.values()):
        if (_is_stateful(node.op) and node.op not in _HARMLESS
                and not node.op.startswith(_OF_VARIABLES)):
            return "%s (%s) has a state of its own" % (node.name, node.op)
    return None


def callable_of(session, op, tensors, fed):
    """Return a function that runs an op and returns the values of tensors.

    session.make_callable with a list of feeds calls session.run, which takes 0.5 ms of Python.

    Args:
      session: tf.Session.
      op: tf.Operation.
      tensors: list of tensors.
      fed: list of tensors.

    Returns:
      function: one value for each tensor in `fed` -> list of values. It raises InputError for a value of
      another shape.
    """
    make = getattr(session, "_make_callable_from_options", None)
    names = [tensor.name for tensor in fed]
    # A remote session has no such callables, and a callable cannot return a tensor that is fed.
    if make is None or session.sess_str or any(tensor.name in names for tensor in tensors):
        call = session.make_callable([op] + tensors, fed)
        first = 1
    else:
        options = config_pb2.CallableOptions()
        options.feed.extend(names)
        options.fetch.extend(tensor.name for tensor in tensors)
        options.target.append(op.name)
        call, first = make(options), 0
    types = [tensor.dtype.as_numpy_dtype for tensor in fed]
    all_dims = [_dims(tensor) for tensor in fed]

    def run(*values):
        arrays = [np.asarray(value, dtype) for value, dtype in zip(values, types)]
        for tensor, array, dims in zip(fed, arrays, all_dims):
            _check_shape(tensor, array.shape, dims)
        return call(*arrays)[first:]

    return run


class StepLoop:
    """A loop that runs a copy of an op once for each of the values that are fed.

    Args:
      op: tf.Operation for which `obstacle` returns None.
      further: list of tensors that are fed in addition to the placeholders without a default.
    """

    def __init__(self, op, further):
        self._op = op
        needed = _needed(op)
        self._names = frozenset(needed)
        fed = {tensor.op.name: tensor for tensor in further if tensor.op.name in needed}
        fed.update((name, o.outputs[0]) for name, o in needed.items() if o.type == "Placeholder")
        held = {name: o for name, o in needed.items() if name not in fed and (_holds(o) or _is_large(o))}
        self._held = [tensor for _, o in sorted(held.items()) for tensor in o.outputs]
        self._copied = _graph_def(op.graph, set(needed) - set(held) - set(fed))
        self._used = {name if ":" in name else name + ":0"
                      for node in self._copied.node for name in node.input if name[0] != "^"}
        with tf.name_scope("step_loop"):
            self._build([tensor for _, tensor in sorted(fed.items())])

    def _build(self, tensors):
        """Build the placeholders for the values of all steps, and the loop."""
        self._places: typing.List[typing.Any] = []
        num_columns = 0
        for tensor in tensors:
            self._places.append(_Place(tensor, num_columns))
            num_columns += self._places[-1].num_columns
        self._table = tf.placeholder(tf.int64, [None, num_columns], "table")
        self.number = tf.shape(self._table)[0]
        # Not tf.while_loop, whose functional form does not support reference variables.
        context = control_flow_ops.WhileContext(parallel_iterations=1, back_prop=False)
        self.done = context.BuildLoop(
            lambda i: i < self.number,
            lambda i: self._step(i, [place.value(i, self._table) for place in self._places]),
            [tf.constant(0)], None, False)

    def takes(self, feed):
        """Return whether a feed_dict has all tensors that the loop needs, and no other of its ops."""
        wanted = {place.tensor.name for place in self._places}
        given = {tensor.name for tensor in feed}
        return wanted <= given and not any(
            tensor.op.name in self._names for tensor in feed if tensor.name not in wanted)

    def runner(self, session):
        """Return a function that runs a step for each feed_dict of a list.

        Args:
          session: tf.Session.

        Returns:
          function of a list of feed_dicts, and of {tensor: values of all steps} for `further`.
        """
        call = callable_of(session, self.done.op, [],
                           [place.placeholder for place in self._places] + [self._table])

        def run(feeds, further):
            table = np.empty([len(feeds), num_columns], np.int64)
            call(*[place.joined(values, table) for place, values in self._values(feeds, further)], table)

        num_columns = int(self._table.shape[1])
        return run

    def _values(self, feeds, further):
        """Return [(place, values of all steps)]."""
        return [(place, further[place.tensor] if place.tensor in further
                 else [feed[place.tensor] for feed in feeds]) for place in self._places]

    def _step(self, i, values):
        """Copy the op into the loop, with the values of step i. Return the number of the next step."""
        inputs = {place.tensor.name: value for place, value in zip(self._places, values)}
        inputs.update((tensor.name, tensor) for tensor in self._held)
        # A tf.function captures tensors outside of it as inputs.
        inside = getattr(tf.get_default_graph(), "capture", lambda tensor: tensor)
        inputs = {name: inside(tensor) for name, tensor in inputs.items() if name in self._used}
        copy, = tf.import_graph_def(self._copied, inputs, [self._op.name], name="step")
        with tf.control_dependencies([copy]):
            return i + 1


class Filled(typing.NamedTuple):
    """The fixed shape to which the value of a step is padded.

    shape: integers, or tf.TensorShape.
    value: the padding; None for the first row or number of the value itself.
    """

    shape: typing.Any
    value: typing.Optional[float] = None


class CompiledLoop(StepLoop):
    """A StepLoop that XLA compiles as one program, for values of fixed shapes.

    On a GPU a step then launches a few kernels instead of hundreds, and no kernel waits for Python.

    Args:
      op: tf.Operation for which `obstacle` returns None.
      further: list of tensors that are fed in addition to the placeholders without a default.
      num_steps: integer, the maximum number of steps in a call.
      shapes: {placeholder: Filled}, for placeholders whose static shape is not fully known.

    Raises:
      NotImplementedError: a TensorFlow without tf.function(jit_compile=True), or a placeholder without a
        fixed shape.
    """

    def __init__(self, op, further, num_steps, shapes):
        self._num_steps, self._shapes = num_steps, shapes
        super().__init__(op, further)

    def _build(self, tensors):
        import tensorflow as tf2
        if tf.VERSION.startswith("1."):
            raise NotImplementedError("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        for node in self._copied.node:  # XLA needs functional loops, so do not lower them
            node.attr.pop("_lower_using_switch_merge", None)
        self._places = [
            _FixedPlace(tensor, self._shapes.get(tensor, Filled(tensor.shape)), self._num_steps)
            for tensor in tensors]
        self.number = tf.placeholder(tf.int32, [], "number")

        def loop(number, *fed):
            return tf.while_loop(lambda i: i < number,
                                 lambda i: self._step(i, [stack[i] for stack in fed]),
                                 [tf.constant(0)], back_prop=False)

        self.done = tf2.function(loop, jit_compile=True, autograph=False)(
            self.number, *[place.placeholder for place in self._places])

    def fits(self, feeds):
        """Return whether all values of the feed_dicts fit in the fixed shapes."""
        return all(place.fits(feed[place.tensor]) for place in self._places for feed in feeds
                   if place.tensor in feed)

    def runner(self, session):
        call = callable_of(session, self.done.op, [],
                           [self.number] + [place.placeholder for place in self._places])
        return lambda feeds, further: call(np.int32(len(feeds)), *[
            place.joined(values) for place, values in self._values(feeds, further)])


class _Place:
    """The placeholder for the values of one tensor in all steps.

    Values of one static shape are stacked. Other values are flattened and concatenated; the table holds
    the start and the shape of each value.

    Args:
      tensor: the tensor that is fed in a step.
      column: integer, the first column of this tensor in the table.
    """

    def __init__(self, tensor, column):
        self.tensor, self._column = tensor, column
        self._dims = _dims(tensor)
        self._is_stacked = tensor.shape.is_fully_defined()
        self.num_columns = 0 if self._is_stacked else 1 + tensor.shape.rank
        self.placeholder = tf.placeholder(
            tensor.dtype, [None] + (self._dims if self._is_stacked else []), tensor.op.name)

    def joined(self, values, table):
        """Return the array of the values of all steps, and fill the tensor's columns of the table."""
        dtype = self.tensor.dtype.as_numpy_dtype
        if self._is_stacked:
            try:
                stacked = np.array(values, dtype)
            except ValueError:  # values of different shapes
                stacked = np.empty([])
            if list(stacked.shape[1:]) != self._dims or not stacked.ndim:
                for value in values:
                    _check_shape(self.tensor, np.shape(value), self._dims)
            return stacked
        arrays = [np.asarray(value, dtype) for value in values]
        begin = 0
        for row, array in zip(table, arrays):
            _check_shape(self.tensor, array.shape, self._dims)
            row[self._column] = begin
            row[self._column + 1:self._column + self.num_columns] = array.shape
            begin += array.size
        return np.concatenate([array.ravel() for array in arrays])

    def value(self, i, table):
        """Return the value of step i."""
        if self._is_stacked:
            return self.placeholder[i]
        begin, shape = table[i, self._column], table[i, self._column + 1:self._column + self.num_columns]
        value = self.placeholder[begin:begin + tf.reduce_prod(shape)]
        if len(self._dims) != 1:
            value = tf.reshape(value, shape)
        value.set_shape(self._dims)
        return value


class _FixedPlace:
    """The placeholder for the values of one tensor in all steps of a CompiledLoop, padded and stacked.

    Args:
      tensor: the tensor that is fed in a step.
      filled: Filled.
      num_steps: integer, the maximum number of steps in a call.
    """

    def __init__(self, tensor, filled, num_steps):
        self.tensor, shape, self._fill = tensor, tf.TensorShape(filled.shape), filled.value
        if not shape.is_fully_defined():
            raise NotImplementedError("%s has no fixed shape" % tensor.op.name)
        self._shape = [num_steps] + shape.as_list()
        self.placeholder = tf.placeholder(tensor.dtype, self._shape, tensor.op.name)

    def fits(self, value):
        """Return whether a value fits in the fixed shape."""
        shape = np.shape(value)
        return shape[1:] == tuple(self._shape[2:]) and (not shape or shape[0] <= self._shape[1])

    def joined(self, values):
        """Return the array of the values of all steps."""
        stacked = np.zeros(self._shape, self.tensor.dtype.as_numpy_dtype)
        if stacked.ndim == 1:
            stacked[:len(values)] = values
            return stacked
        for place, value in zip(stacked, values):
            place[:len(value)] = value
            if len(value) < len(place):
                place[len(value):] = value[0] if self._fill is None and len(value) else self._fill or 0
        return stacked


def _dims(tensor):
    """Return the static sizes of a tensor, integers or None; None if the rank is unknown."""
    return None if tensor.shape.rank is None else tensor.shape.as_list()


def _check_shape(tensor, shape, dims):
    """Check the shape of a value that is fed. The callables of a session do not check it.

    Args:
      tensor: tf.Tensor that is fed.
      shape: tuple of integers, the shape of the value.
      dims: list of the static sizes of the tensor, None for any size; or None for any shape.

    Raises:
      InputError: a value of another shape.
    """
    fits = dims is None or len(shape) == len(dims) and all(
        size is None or size == given for size, given in zip(dims, shape))
    if not fits:
        checks.argument(False, "train", tensor.op.name, "a value of shape [%s]" % ", ".join(
            "any" if size is None else str(size) for size in dims), list(shape))


def _needed(op):
    """Return {name: tf.Operation} of an op and of all ops that it depends on."""
    found, todo = {}, [op]
    while todo:
        op = todo.pop()
        if op.name not in found:
            found[op.name] = op
            todo += [tensor.op for tensor in op.inputs] + op.control_inputs
    return found


def _is_state(tensor):
    """Return whether a tensor is a handle of a variable or of another state, not a value."""
    return tensor.dtype in (tf.resource, tf.variant) or tensor.dtype._is_ref_dtype


def _holds(op):
    """Return whether an op is a variable, a table or another state that all copies share."""
    return not op.inputs and any(_is_state(tensor) for tensor in op.outputs)


def _nodes_of_functions(graph, ops):
    """Return the nodes of all functions that ops call."""
    called = {name for op in ops for name in _called(op.node_def)}
    if not called:
        return []
    functions = {function.signature.name: function for function in graph.as_graph_def().library.function}
    nodes, todo = [], list(called)
    while todo:
        function = functions.get(todo.pop())
        for node in function.node_def if function else ():
            nodes.append(node)
            todo += _called(node) - called
            called |= _called(node)
    return nodes


def _called(node):
    """Return the names of the functions that a node calls."""
    return {value.func.name for value in node.attr.values() if value.func.name}


def _is_stateful(op_type):
    find = getattr(op_def_registry, "get", None) or op_def_registry.get_registered_ops().get
    found = find(op_type)
    return found is not None and found.is_stateful


def _is_large(op):
    return op.type == "Const" and op.get_attr("value").ByteSize() > _LARGEST_COPY


def _graph_def(graph, names):
    """Return the GraphDef of some ops, without constraints on their location."""
    made = graph.as_graph_def()
    nodes = [node for node in made.node if node.name in names]
    del made.node[:]
    for node in nodes:
        node.attr.pop("_class", None)
        kept = [name for name in node.input if name[0] != "^" or name[1:] in names]
        if len(kept) < len(node.input):
            del node.input[:]
            node.input.extend(kept)
    made.node.extend(nodes)
    return made
