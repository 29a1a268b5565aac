/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for QEMU's translator (API version 1) that counts, exactly, which code runs between two addresses of a
 * firmware, and on behalf of which call.
 *
 * QEMU translates code by blocks: instructions that are always carried out from the first to the last. One callback a
 * block sees them go by. A block that ran is counted when the next one begins, because only then is it known where its
 * last instruction led: so every branch is known to have been taken or not.
 *
 *     context 0 (from)    context 1 (called from 0)         edges counted, each (context, block, next block):
 *     +----A----+         +----C----+
 *     | ...  bl-+-------> | ...     |--+ loop, 9 times      (0, A, C) 1   (1, C, C) 9   (1, C, B) 1   (0, B, end) 1
 *     +----B----+ <-----------bx lr |<-+
 *     | ...     |         +---------+
 *     +---------+
 *
 * A context is a way through the calls: its parent, and the address that it returns to. BL and BLX enter one, and
 * arriving at the return address leaves it, however the callee got there; a tail call stays in its context. What is
 * left to the reader of the file: instructions, functions, kinds, time. Only the first core is watched, and the file
 * covers the first passage from `from` to `to` (or, without `to`, until `from` returns).
 *
 * QEMU's header qemu-plugin.h is not packaged by distributions; what is needed of it is declared here.
 * Source: QEMU 7.2, docs/devel/tcg-plugins.rst and include/qemu/qemu-plugin.h (names and types of the interface).
 *
 * Arguments: counts=PATH from=ADDRESS [to=ADDRESS] [stop=on]. With stop=on the emulator ends as soon as the file is
 * written, for firmware that never ends by itself.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API_VERSION 1
#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct plugin_info {
  const char *target_name;
  struct {
    int min;
    int cur;
  } version;
  bool system_emulation;
  union {
    struct {
      int smp_vcpus;
      int max_vcpus;
    } system;
  };
};

/* Of enum qemu_plugin_cb_flags: the callback neither reads nor writes registers. */
enum { NO_REGISTERS = 0 };

extern EXPORTED int qemu_plugin_version;
EXPORTED int qemu_plugin_version = API_VERSION;
EXPORTED int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *tb, void (*callback)(unsigned core, void *data), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(
    struct qemu_plugin_insn *insn, void (*callback)(unsigned core, void *data), int flags, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void *), void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

/* Instructions that are always carried out together: bytes of [start, end). */
struct block {
  uint64_t start;
  uint64_t end;
  uint32_t index;
  bool calls; /* the last one is BL or BLX */
  bool used;  /* stands in an edge */
  uint8_t *bytes;
  struct block *next; /* in its list of the table below */
};

struct context {
  uint32_t parent;
  uint64_t return_address;
  uint32_t first_child; /* 0: none, for no context has the outermost as its child */
  uint32_t next_sibling;
};

struct edge {
  uint64_t count; /* 0: a free place of the table */
  uint32_t context;
  uint32_t from;
  uint32_t to;
};

/* Where one of the two addresses stands in a block, `offset` bytes behind its start. */
struct mark {
  struct block *block;
  uint64_t offset;
};

#define LISTS (1u << 16)
#define NOWHERE UINT32_MAX /* after the last block */
#define MOST_DEPTH 200u
#define MOST_CONTEXTS (1u << 20)

static struct block *lists[LISTS];
static struct block **blocks;
static uint32_t n_blocks;
static struct context *contexts;
static uint32_t n_contexts;
static struct edge *edges;
static size_t edges_capacity, n_edges;
static size_t latest_edge; /* an inner loop counts the same one again and again */

static uint64_t from_address, to_address;
static bool has_to, stop_at_end;
static enum { BEFORE, COUNTING, AFTER } phase = BEFORE;
static const char *failure;

static uint32_t stack[MOST_DEPTH]; /* contexts, the outermost first */
static uint32_t depth;
static struct block *previous, *before_previous;
static FILE *file;

static void *grown(void *array, size_t count, size_t size)
{
  void *const larger = realloc(array, count * size);
  if (larger == NULL) {
    fprintf(stderr, "block_counts: out of memory\n");
    _exit(3);
  }
  return larger;
}

/* Room for one more in an array that doubles when it is full. */
static void *with_room(void *array, uint32_t count, size_t size)
{
  return count & (count - 1) ? array : grown(array, count == 0 ? 1 : 2 * (size_t)count, size);
}

/* Of a Thumb instruction (Armv8-M ARM C2.1); 32-bit ones begin with 11101, 11110 or 11111. */
static size_t size_of(const uint8_t *bytes)
{
  return bytes[1] >> 3 >= 0x1d ? 4 : 2;
}

/* BL is 11110.......... 11.1............; BLX and BLXNS of a register are 010001111....... (Armv8-M ARM C2.3). */
static bool is_call(const uint8_t *bytes, size_t size)
{
  const unsigned first = bytes[0] | (unsigned)bytes[1] << 8;
  if (size == 2) {
    return (first & 0xff80u) == 0x4780u;
  }
  const unsigned second = bytes[2] | (unsigned)bytes[3] << 8;
  return (first & 0xf800u) == 0xf000u && (second & 0xd000u) == 0xd000u;
}

static struct block *block_of(uint64_t start, const uint8_t *bytes, size_t size, bool calls)
{
  struct block **list = &lists[start >> 1 & (LISTS - 1)];
  for (struct block *known = *list; known != NULL; known = known->next) {
    if (known->start == start && known->end - start == size && memcmp(known->bytes, bytes, size) == 0) {
      return known;
    }
  }
  struct block *const made = grown(NULL, 1, sizeof *made);
  uint8_t *const copy = grown(NULL, size, 1);
  memcpy(copy, bytes, size);
  *made = (struct block){start, start + size, n_blocks, calls, false, copy, *list};
  *list = made;
  blocks = with_room(blocks, n_blocks, sizeof *blocks);
  blocks[n_blocks++] = made;
  return made;
}

static uint32_t context_of(uint32_t parent, uint64_t return_address)
{
  for (uint32_t child = contexts[parent].first_child; child != 0; child = contexts[child].next_sibling) {
    if (contexts[child].return_address == return_address) {
      return child;
    }
  }
  contexts = with_room(contexts, n_contexts, sizeof *contexts);
  contexts[n_contexts] = (struct context){parent, return_address, 0, contexts[parent].first_child};
  contexts[parent].first_child = n_contexts;
  return n_contexts++;
}

static size_t place_of(uint32_t context, uint32_t from, uint32_t to)
{
  size_t place = (context * 0x9e3779b1u ^ from * 0x85ebca6bu ^ to * 0xc2b2ae35u) & (edges_capacity - 1);
  while (edges[place].count != 0 &&
         (edges[place].context != context || edges[place].from != from || edges[place].to != to)) {
    place = (place + 1) & (edges_capacity - 1);
  }
  return place;
}

static void grow_edges(void)
{
  struct edge *const old = edges;
  const size_t old_capacity = edges_capacity;
  edges_capacity = old_capacity == 0 ? 4096 : 2 * old_capacity;
  edges = grown(NULL, edges_capacity, sizeof *edges);
  memset(edges, 0, edges_capacity * sizeof *edges);
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].count != 0) {
      edges[place_of(old[i].context, old[i].from, old[i].to)] = old[i];
    }
  }
  free(old);
  latest_edge = 0;
}

/* `block` ran in the innermost context, and `to` is the block behind it. */
static void count(struct block *block, struct block *next)
{
  const uint32_t context = stack[depth];
  const uint32_t to = next == NULL ? NOWHERE : next->index;
  struct edge *latest = &edges[latest_edge];
  if (latest->count == 0 || latest->context != context || latest->from != block->index || latest->to != to) {
    if (2 * n_edges >= edges_capacity) {
      grow_edges();
    }
    latest_edge = place_of(context, block->index, to);
    latest = &edges[latest_edge];
    if (latest->count == 0) {
      *latest = (struct edge){0, context, block->index, to};
      n_edges++;
      block->used = true;
      if (next != NULL) {
        next->used = true;
      }
    }
  }
  latest->count++;
}

static void write_file(void)
{
  for (uint32_t i = 0; i < n_blocks; i++) {
    if (blocks[i]->used) {
      fprintf(file, "block %" PRIu32 " %" PRIu64 " ", i, blocks[i]->start);
      for (uint64_t k = 0; k < blocks[i]->end - blocks[i]->start; k++) {
        fprintf(file, "%02x", blocks[i]->bytes[k]);
      }
      fputc('\n', file);
    }
  }
  for (uint32_t i = 0; i < n_contexts; i++) { /* the outermost is its own parent */
    fprintf(file, "context %" PRIu32 " %" PRIu32 " %" PRIu64 "\n", i, contexts[i].parent, contexts[i].return_address);
  }
  for (size_t i = 0; i < edges_capacity; i++) {
    if (edges[i].count != 0) {
      fprintf(file, "edge %" PRIu32 " %" PRIu32 " ", edges[i].context, edges[i].from);
      if (edges[i].to == NOWHERE) {
        fprintf(file, "- %" PRIu64 "\n", edges[i].count);
      } else {
        fprintf(file, "%" PRIu32 " %" PRIu64 "\n", edges[i].to, edges[i].count);
      }
    }
  }
  if (failure != NULL) {
    fprintf(file, "failure %s\n", failure);
  } else {
    fprintf(file, "end\n");
  }
  fflush(file);
}

static void finish_counting(void)
{
  phase = AFTER;
  write_file();
  if (stop_at_end) {
    _exit(0); /* the emulator's own way out takes locks that this thread may hold */
  }
}

/* The call or the return that lies between `block`, which ran, and `next`. */
static void follow(const struct block *block, const struct block *next)
{
  if (block->calls && next->start != block->end) { /* else a call whose condition failed */
    if (depth + 1 >= MOST_DEPTH || n_contexts >= MOST_CONTEXTS) {
      failure = "calls nest too deeply, or take too many ways (recursion?)";
      finish_counting();
      return;
    }
    const uint32_t entered = context_of(stack[depth], block->end);
    stack[++depth] = entered;
    return;
  }
  for (uint32_t level = depth; level > 0; level--) {
    if (contexts[stack[level]].return_address == next->start) {
      depth = level - 1;
      return;
    }
  }
}

static void on_block(unsigned core, void *data)
{
  struct block *const block = data;
  if (core != 0) {
    return;
  }
  if (phase == COUNTING) {
    count(previous, block);
    const bool returned =
        !has_to && depth == 0 && !previous->calls && contexts[0].return_address == block->start;
    if (returned) {
      finish_counting();
    } else {
      follow(previous, block);
    }
  }
  before_previous = previous;
  previous = block;
}

/* on_block has seen the block of the mark already. */
static void on_from(unsigned core, void *data)
{
  const struct mark *const mark = data;
  if (core != 0 || phase != BEFORE) {
    return;
  }
  phase = COUNTING;
  /* A function that was jumped to has nowhere to return: 0 is the vector table. */
  const bool called = mark->offset == 0 && before_previous != NULL && before_previous->calls;
  contexts[0].return_address = called ? before_previous->end : 0;
  if (mark->offset != 0) {
    const struct block *const whole = mark->block;
    const size_t size = (size_t)(whole->end - whole->start - mark->offset);
    previous = block_of(whole->start + mark->offset, whole->bytes + mark->offset, size, whole->calls);
  }
  fprintf(file, "begin\n");
  fflush(file);
}

static void on_to(unsigned core, void *data)
{
  const struct mark *const mark = data;
  if (core != 0 || phase != COUNTING) {
    return;
  }
  if (mark->offset != 0) {
    /* Counted from where `from` stands, if that is in the same block. */
    const uint64_t end = mark->block->start + mark->offset;
    const size_t skipped = (size_t)(previous->start - mark->block->start);
    count(block_of(previous->start, mark->block->bytes + skipped, (size_t)(end - previous->start), false), NULL);
  }
  finish_counting();
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
  (void)id;
  const size_t n = qemu_plugin_tb_n_insns(tb);
  uint8_t *const bytes = grown(NULL, 4 * n + 1, 1);
  size_t size = 0, last = 0;
  for (size_t i = 0; i < n; i++) {
    const struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
    const uint8_t *const data = qemu_plugin_insn_data(insn);
    last = size_of(data); /* qemu_plugin_insn_size counts what was read ahead at the end of a page as well */
    memcpy(bytes + size, data, last);
    size += last;
  }
  const uint64_t start = n == 0 ? 0 : qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
  if (size > 0) {
    struct block *const block = block_of(start, bytes, size, is_call(bytes + size - last, last));
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_REGISTERS, block);
    for (size_t i = 0; i < n; i++) {
      struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
      const uint64_t address = qemu_plugin_insn_vaddr(insn);
      if (address == from_address || (has_to && address == to_address)) {
        struct mark *const mark = grown(NULL, 1, sizeof *mark);
        *mark = (struct mark){block, address - start};
        qemu_plugin_register_vcpu_insn_exec_cb(insn, address == from_address ? on_from : on_to, NO_REGISTERS, mark);
      }
    }
  }
  free(bytes);
}

static void on_exit_of_emulator(plugin_id id, void *data)
{
  (void)id;
  (void)data;
  fclose(file);
}

int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
  if (info->version.min > API_VERSION || info->version.cur < API_VERSION || !info->system_emulation) {
    fprintf(stderr, "block_counts: needs system emulation and plugin API %d, this emulator has %d to %d\n",
            API_VERSION, info->version.min, info->version.cur);
    return -1;
  }
  for (int i = 0; i < argc; i++) {
    const char *const value = strchr(argv[i], '=') == NULL ? "" : strchr(argv[i], '=') + 1;
    if (strncmp(argv[i], "counts=", 7) == 0) {
      file = fopen(value, "w");
    } else if (strncmp(argv[i], "from=", 5) == 0) {
      from_address = strtoull(value, NULL, 0);
    } else if (strncmp(argv[i], "to=", 3) == 0) {
      to_address = strtoull(value, NULL, 0);
      has_to = true;
    } else if (strncmp(argv[i], "stop=", 5) == 0) {
      stop_at_end = strcmp(value, "on") == 0;
    }
  }
  if (file == NULL) {
    fprintf(stderr, "block_counts: the file to write cannot be opened\n");
    return -1;
  }
  contexts = with_room(NULL, 0, sizeof *contexts);
  contexts[n_contexts++] = (struct context){0, 0, 0, 0};
  grow_edges();
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_exit_of_emulator, NULL);
  return 0;
}
