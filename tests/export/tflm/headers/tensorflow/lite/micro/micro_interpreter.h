/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests only: the few declarations of TensorFlow Lite for Microcontrollers that the generated C++ uses, in our own
 * words. They describe the binary interface of the `tflite-micro` wheel, whose shared library exports the runtime:
 * code compiled against them runs the real interpreter and kernels. With TFLM_OLD_NAMES the same names stand where
 * releases before 2026 have them (C types global, classes in tflite); that form is compiled only.
 */
#ifndef TEST_MICRO_INTERPRETER_H
#define TEST_MICRO_INTERPRETER_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef TF_LITE_STATIC_MEMORY
#error "the library is built with TF_LITE_STATIC_MEMORY: what includes its headers must define it too"
#endif

#define TFLITE_SCHEMA_VERSION (3)

#ifdef TFLM_OLD_NAMES
#define C_TYPES_BEGIN
#define C_TYPES_END
#define CLASSES_BEGIN namespace tflite {
#define CLASSES_END }
#else
#define C_TYPES_BEGIN namespace tflite { namespace micro {
#define C_TYPES_END } }
#define CLASSES_BEGIN C_TYPES_BEGIN
#define CLASSES_END C_TYPES_END
#endif

C_TYPES_BEGIN

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteNoType = 0, kTfLiteInt8 = 9 };

union TfLitePtrUnion {
  int8_t *int8;
  void *data;
};

struct TfLiteTensor {
  struct {
    int type;
    void *params;
  } quantization;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  TfLitePtrUnion data;
  void *dims;
  size_t bytes;
  TfLiteType type;
  int allocation_type;
  bool is_variable;
};

struct TfLiteContext;
struct TfLiteNode;

struct TFLMRegistration {
  void *(*init)(TfLiteContext *, const char *, size_t);
  void (*free)(TfLiteContext *, void *);
  TfLiteStatus (*prepare)(TfLiteContext *, TfLiteNode *);
  TfLiteStatus (*invoke)(TfLiteContext *, TfLiteNode *);
  void (*reset)(TfLiteContext *, void *);
  int32_t builtin_code;
  const char *custom_name;
};

C_TYPES_END

namespace tflite {

enum BuiltinOperator : int32_t {};
struct Operator;

/* A FlatBuffer's root table; version is its first field. */
struct Model {
  uint32_t version() const
  {
    int32_t to_vtable = 0;
    uint16_t field = 0;
    uint32_t value = 0;
    const char *self = reinterpret_cast<const char *>(this);
    memcpy(&to_vtable, self, sizeof to_vtable);
    memcpy(&field, self - to_vtable + 4, sizeof field);
    memcpy(&value, self + field, sizeof value);
    return value;
  }
};

inline const Model *GetModel(const void *content)
{
  uint32_t root = 0;
  memcpy(&root, content, sizeof root);
  return reinterpret_cast<const Model *>(static_cast<const char *>(content) + root);
}

} // namespace tflite

CLASSES_BEGIN

class BuiltinDataAllocator;
class MicroProfilerInterface;
class MicroResourceVariables;

class MicroOpResolver {
 public:
  using Parser = TfLiteStatus (*)(const tflite::Operator *, BuiltinDataAllocator *, void **);
  virtual const TFLMRegistration *FindOp(tflite::BuiltinOperator op) const = 0;
  virtual const TFLMRegistration *FindOp(const char *op) const = 0;
  virtual Parser GetOpDataParser(tflite::BuiltinOperator op) const = 0;
  virtual ~MicroOpResolver() {}
  void operator delete(void *) {} /* TF_LITE_REMOVE_VIRTUAL_DELETE: a virtual destructor must not ask for a heap */
};

class MicroInterpreter {
 public:
  MicroInterpreter(const tflite::Model *model, const MicroOpResolver &resolver, uint8_t *arena, size_t arena_bytes,
                   MicroResourceVariables *variables = nullptr, MicroProfilerInterface *profiler = nullptr,
                   bool preserve_all_tensors = false);
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor *input(size_t index);
  TfLiteTensor *output(size_t index);
  /* Inline in the real header, from members that are not described here. */
  size_t arena_used_bytes() const { return 0; }

 private:
  alignas(16) unsigned char members_[4096]; /* at least as large as the real ones */
};

CLASSES_END

#endif
