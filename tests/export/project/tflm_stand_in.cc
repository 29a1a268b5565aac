/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests only: a library with the names of TensorFlow Lite for Microcontrollers, built for a Cortex-M, whose
 * interpreter runs the same network by Subbyte's own C. It shows that a project links against a library given by its
 * path, runs its constructors and passes its self-test; that the real runtime gives the same bytes is tested on the
 * host, against the `tflite-micro` wheel (tests/export/tflm).
 */
#include "model/model.h" /* of the plain C, whose prefix is `standin` */
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace tflite::micro {

/* Made by a constructor before main, or not at all. */
struct Made {
  volatile bool yes = false;
  Made() { yes = true; }
};
static Made made;

static TfLiteTensor ends[2];

#define DEFINE_REGISTRATION(method, registration, parser, code) \
  TFLMRegistration registration() { return {}; }
OPERATORS(DEFINE_REGISTRATION)

MicroInterpreter::MicroInterpreter(const tflite::Model *, const MicroOpResolver &, uint8_t *, size_t,
                                   MicroResourceVariables *, MicroProfilerInterface *, bool)
{
}

MicroInterpreter::~MicroInterpreter()
{
}

TfLiteStatus MicroInterpreter::AllocateTensors()
{
  for (TfLiteTensor &end : ends) {
    end.type = kTfLiteInt8;
  }
  ends[0].bytes = STANDIN_INPUT_BYTES;
  ends[1].bytes = STANDIN_OUTPUT_BYTES;
  ends[0].data.int8 = standin_input();
  ends[1].data.int8 = const_cast<int8_t *>(standin_output());
  return made.yes ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus MicroInterpreter::Invoke()
{
  standin_run();
  return kTfLiteOk;
}

TfLiteTensor *MicroInterpreter::input(size_t)
{
  return &ends[0];
}

TfLiteTensor *MicroInterpreter::output(size_t)
{
  return &ends[1];
}

#define DEFINE_PARSER(parser) \
  TfLiteStatus parser(const tflite::Operator *, BuiltinDataAllocator *, void **) { return kTfLiteOk; }
DEFINE_PARSER(ParseConv2D)
DEFINE_PARSER(ParseDepthwiseConv2D)
DEFINE_PARSER(ParseFullyConnected)
DEFINE_PARSER(ParsePool)
DEFINE_PARSER(ParseReshape)
DEFINE_PARSER(ParseSoftmax)

} // namespace tflite::micro
