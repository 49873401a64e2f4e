"""Arrays keep their space when dask sends them."""

import subprocess
import sys

import numpy as np
import pytest

from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform

pytest.importorskip("distributed")

SPACE = ParameterSpace([Parameter("a", Uniform(0, 1)), Parameter("b", Uniform(0, 2))])


def test_dask_finds_it_by_its_entry_point():
    """In a process of its own, in which nothing was registered before."""
    code = (
        "import sys\n"
        "from dask.sizeof import sizeof\n"
        "assert not [name for name in sys.modules if name.startswith('exosk.') "
        "and name != 'exosk.cluster'], 'dask alone loads no more of exosk'\n"
        "import numpy as np\n"
        "from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform\n"
        "space = ParameterSpace([Parameter('a', Uniform(0, 1))])\n"
        "array = ParameterArray(np.zeros((1000, 1)), space)\n"
        "assert sizeof(array) == 8000\n"
        "from distributed.protocol import deserialize, serialize\n"
        "sent = deserialize(*serialize(array))\n"
        "assert sent.space == space, 'the space is lost'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_array_comes_back_whole():
    from dask.sizeof import sizeof
    from distributed.protocol import deserialize, serialize

    array = ParameterArray(SPACE.sample(500, 0), SPACE)
    assert sizeof(array) == array.nbytes
    sent = deserialize(*serialize(array))
    assert sent.space == SPACE
    np.testing.assert_array_equal(sent, array)
    plain = deserialize(*serialize(np.asarray(array)))
    assert type(plain) is np.ndarray
