/* What both runtimes have to do with Extism: the functions that they import, and text in and out of its memory.
 *
 * To be included once, by a shim.c. Offsets and lengths are Extism's own 64-bit addresses, not pointers of the module.
 */
#ifndef HOLOMUSH_EXTISM_H
#define HOLOMUSH_EXTISM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMPORT(space, symbol) __attribute__((import_module(space), import_name(symbol))) extern
#define EXPORT(symbol) __attribute__((export_name(symbol)))

/* ---- Extism's kernel ------------------------------------------------------------------------------------------ */

#define KERNEL(symbol) IMPORT("extism:host/env", #symbol)
KERNEL(input_length) uint64_t kernel_input_length(void);
KERNEL(input_load_u8) uint32_t kernel_input_load_u8(uint64_t offset);
KERNEL(input_load_u64) uint64_t kernel_input_load_u64(uint64_t offset);
KERNEL(output_set) void kernel_output_set(uint64_t offset, uint64_t length);
KERNEL(error_set) void kernel_error_set(uint64_t offset);
KERNEL(alloc) uint64_t kernel_alloc(uint64_t length);
KERNEL(free) void kernel_free(uint64_t offset);
KERNEL(length) uint64_t kernel_length(uint64_t offset);
KERNEL(load_u8) uint32_t kernel_load_u8(uint64_t offset);
KERNEL(load_u64) uint64_t kernel_load_u64(uint64_t offset);
KERNEL(store_u8) void kernel_store_u8(uint64_t offset, uint32_t byte);
KERNEL(store_u64) void kernel_store_u64(uint64_t offset, uint64_t bytes);
KERNEL(config_get) uint64_t kernel_config_get(uint64_t key);
KERNEL(var_get) uint64_t kernel_var_get(uint64_t key);
KERNEL(var_set) void kernel_var_set(uint64_t key, uint64_t value);
KERNEL(log_debug) void kernel_log_debug(uint64_t text);
KERNEL(log_info) void kernel_log_info(uint64_t text);
KERNEL(log_warn) void kernel_log_warn(uint64_t text);
KERNEL(log_error) void kernel_log_error(uint64_t text);

/* ---- The server's functions ----------------------------------------------------------------------------------- */

/* From the table: an import, and a trampoline of one shape for all of them. The trampoline calls through a pointer that
 * the compiler must not see through: without direct calls, an import can be replaced by one of another type in the
 * finished module, where a plugin may not call it (holomush/authoring/standalone.py). */
#define PARAMETERS_0 void
#define PARAMETERS_1 uint64_t
#define PARAMETERS_2 uint64_t, uint64_t
#define PARAMETERS_3 uint64_t, uint64_t, uint64_t
#define PARAMETERS_4 uint64_t, uint64_t, uint64_t, uint64_t
#define ARGUMENTS_0
#define ARGUMENTS_1 p[0]
#define ARGUMENTS_2 p[0], p[1]
#define ARGUMENTS_3 p[0], p[1], p[2]
#define ARGUMENTS_4 p[0], p[1], p[2], p[3]
#define RESULT_ENVELOPE uint64_t
#define RESULT_NOTHING void
#define FORWARD_ENVELOPE(call) return call
#define FORWARD_NOTHING(call) call; return 0
#define ANSWERS_ENVELOPE 1
#define ANSWERS_NOTHING 0
#define MAX_PARAMETERS 4

#define HOST_FUNCTION(name, arity, result)                                                  \
    IMPORT("extism:host/user", #name) RESULT_##result import_##name(PARAMETERS_##arity);     \
    static RESULT_##result (*volatile pointer_##name)(PARAMETERS_##arity) = import_##name;   \
    static uint64_t forward_##name(const uint64_t *p) { (void)p; FORWARD_##result(pointer_##name(ARGUMENTS_##arity)); }
#include "host_functions.def"
#undef HOST_FUNCTION

struct host_function {
    const char *name;
    int arity;
    int answers; /* whether it returns an envelope */
    uint64_t (*forward)(const uint64_t *parameters);
};

static const struct host_function host_functions[] = {
#define HOST_FUNCTION(name, arity, result) {#name, arity, ANSWERS_##result, forward_##name},
#include "host_functions.def"
#undef HOST_FUNCTION
};

enum {
#define HOST_FUNCTION(name, arity, result) INDEX_##name,
#include "host_functions.def"
#undef HOST_FUNCTION
    HOST_FUNCTION_COUNT
};

/* ---- Text in and out ------------------------------------------------------------------------------------------ */

/* Eight bytes at a time: each load or store is a call into the kernel, and they are most of what a call costs. */

/* The offset of a copy; 0 if there is no room, and for no bytes at all. */
static uint64_t store(const char *bytes, size_t length)
{
    uint64_t offset = kernel_alloc(length);
    if (!offset)
        return 0;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        kernel_store_u64(offset + i, word);
    }
    for (; i < length; i++)
        kernel_store_u8(offset + i, (uint8_t)bytes[i]);
    return offset;
}

static void load(uint64_t offset, char *bytes, size_t length)
{
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t word = kernel_load_u64(offset + i);
        memcpy(bytes + i, &word, 8);
    }
    for (; i < length; i++)
        bytes[i] = (char)kernel_load_u8(offset + i);
}

static void load_input(uint64_t from, char *bytes, size_t length)
{
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t word = kernel_input_load_u64(from + i);
        memcpy(bytes + i, &word, 8);
    }
    for (; i < length; i++)
        bytes[i] = (char)kernel_input_load_u8(from + i);
}

static void release(uint64_t offset)
{
    if (offset)
        kernel_free(offset);
}

static int32_t fail_with(const char *message)
{
    kernel_error_set(store(message, strlen(message)));
    return 1;
}

#endif
