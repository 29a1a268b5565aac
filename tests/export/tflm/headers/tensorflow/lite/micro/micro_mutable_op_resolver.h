/* SPDX-License-Identifier: Apache-2.0 */
/* For tests only: see micro_interpreter.h beside it. */
#ifndef TEST_MICRO_MUTABLE_OP_RESOLVER_H
#define TEST_MICRO_MUTABLE_OP_RESOLVER_H

#include <cstring>

#include "tensorflow/lite/micro/micro_interpreter.h"

/* Method, registration, parser, number in the schema. */
#define OPERATORS(EACH)                                                  \
  EACH(AddAdd, Register_ADD, ParseAdd, 0)                                \
  EACH(AddAveragePool2D, Register_AVERAGE_POOL_2D, ParsePool, 1)         \
  EACH(AddConcatenation, Register_CONCATENATION, ParseConcatenation, 2)  \
  EACH(AddConv2D, Register_CONV_2D, ParseConv2D, 3)                      \
  EACH(AddDepthwiseConv2D, Register_DEPTHWISE_CONV_2D, ParseDepthwiseConv2D, 4) \
  EACH(AddFullyConnected, Register_FULLY_CONNECTED, ParseFullyConnected, 9) \
  EACH(AddMaxPool2D, Register_MAX_POOL_2D, ParsePool, 17)                \
  EACH(AddRelu, Register_RELU, ParseRelu, 19)                            \
  EACH(AddRelu6, Register_RELU6, ParseRelu6, 21)                         \
  EACH(AddReshape, Register_RESHAPE, ParseReshape, 22)                   \
  EACH(AddSoftmax, Register_SOFTMAX, ParseSoftmax, 25)                   \
  EACH(AddPad, Register_PAD, ParsePad, 34)                               \
  EACH(AddMean, Register_MEAN, ParseReducer, 40)                         \
  EACH(AddMaximum, Register_MAXIMUM, ParseMaximum, 55)                   \
  EACH(AddMinimum, Register_MINIMUM, ParseMinimum, 57)                   \
  EACH(AddPadV2, Register_PADV2, ParsePadV2, 60)                         \
  EACH(AddQuantize, Register_QUANTIZE, ParseQuantize, 114)

CLASSES_BEGIN

#define DECLARE_REGISTRATION(method, registration, parser, code) TFLMRegistration registration();
OPERATORS(DECLARE_REGISTRATION)
TFLMRegistration Register_DECODE();
#define DECLARE_PARSER(method, registration, parser, code) \
  TfLiteStatus parser(const tflite::Operator *, BuiltinDataAllocator *, void **);
OPERATORS(DECLARE_PARSER)

template <unsigned int capacity>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  const TFLMRegistration *FindOp(tflite::BuiltinOperator op) const override
  {
    for (unsigned int i = 0; i < count_; i++) {
      if (registrations_[i].builtin_code == op) {
        return &registrations_[i];
      }
    }
    return nullptr;
  }
  const TFLMRegistration *FindOp(const char *name) const override
  {
    for (unsigned int i = 0; i < count_; i++) {
      if (registrations_[i].builtin_code == CUSTOM && std::strcmp(registrations_[i].custom_name, name) == 0) {
        return &registrations_[i];
      }
    }
    return nullptr;
  }
  Parser GetOpDataParser(tflite::BuiltinOperator op) const override
  {
    for (unsigned int i = 0; i < count_; i++) {
      if (registrations_[i].builtin_code == op) {
        return parsers_[i];
      }
    }
    return nullptr;
  }

#define DEFINE_METHOD(method, registration, parser, code) \
  TfLiteStatus method() { return add(registration(), parser, code); }
  OPERATORS(DEFINE_METHOD)

  TfLiteStatus AddDecode()
  {
    TFLMRegistration registration = Register_DECODE();
    registration.custom_name = "TFLM_DECODE";
    return add(registration, nullptr, CUSTOM);
  }

 private:
  static constexpr int32_t CUSTOM = 32;

  TfLiteStatus add(TFLMRegistration registration, Parser parser, int32_t code)
  {
    if (count_ == capacity || FindOp(static_cast<tflite::BuiltinOperator>(code)) != nullptr) {
      return kTfLiteError;
    }
    registrations_[count_] = registration;
    registrations_[count_].builtin_code = code;
    parsers_[count_] = parser;
    count_++;
    return kTfLiteOk;
  }

  TFLMRegistration registrations_[capacity];
  Parser parsers_[capacity];
  unsigned int count_ = 0;
};

CLASSES_END

#endif
