"""Execution providers: order kept, absence said, nonsense refused."""

from __future__ import annotations

import pytest

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.providers import choose_providers, describe_fallback

CPU, CUDA, TENSORRT = 'CPUExecutionProvider', 'CUDAExecutionProvider', 'TensorrtExecutionProvider'
KNOWN = (TENSORRT, CUDA, CPU)


def test_the_first_wish_comes_true_without_a_word():
    choice = choose_providers([CPU], KNOWN, [CPU])
    assert choice.use == (CPU,)
    assert describe_fallback(choice, [CPU]) == ''


def test_order_is_kept_and_doubles_are_dropped():
    assert choose_providers([CUDA, CPU, CUDA], KNOWN, [CPU, CUDA]).use == (CUDA, CPU)


def test_what_is_missing_is_said():
    choice = choose_providers([TENSORRT, CUDA, CPU], KNOWN, [CPU])
    assert choice.use == (CPU,)
    said = describe_fallback(choice, [CPU])
    assert said == (f'running on {CPU}: {TENSORRT}, {CUDA} not in this build of onnxruntime')


def test_what_did_not_start_is_said():
    choice = choose_providers([CUDA, CPU], KNOWN, [CUDA, CPU])
    assert describe_fallback(choice, [CPU]) == f'running on {CPU}: {CUDA} did not start'


def test_none_available_says_how_to_fall_back():
    with pytest.raises(ModelError, match=f"has only {CPU}: add '{CPU}' at the end"):
        choose_providers([CUDA], KNOWN, [CPU])


@pytest.mark.parametrize('name', ['cuda', 'CudaExecutionProvider', 'CUDAProvider'])
def test_a_misspelt_name_gets_a_hint(name):
    with pytest.raises(ModelError, match=f"does not know; did you mean '{CUDA}'"):
        choose_providers([name, CPU], KNOWN, [CPU])
