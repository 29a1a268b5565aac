# SPDX-License-Identifier: Apache-2.0
"""Who is asked: the judges of this machine, in the order in which a network passes them."""

from toolchain.verify.judge import Judge, Subject
from toolchain.verify.judges.c_host import CHostDspJudge, CHostJudge
from toolchain.verify.judges.litert import LiteRtJudge
from toolchain.verify.judges.onnx_runtime import OnnxRuntimeJudge
from toolchain.verify.judges.tf_lite import TfLiteJudge
from toolchain.verify.judges.tflm import TfliteMicroJudge


def host_judges(subject: Subject) -> tuple[Judge, ...]:
    """Every judge that needs no board, also those that cannot be asked here: they say so themselves."""
    return (
        OnnxRuntimeJudge(subject),
        LiteRtJudge(subject),
        TfLiteJudge(subject),
        TfliteMicroJudge(subject),
        CHostJudge(subject),
        CHostDspJudge(subject),
    )
