/* The memory of the JavaScript engine, in the form that JS_NewRuntime2 takes (`opaque` is not used).
 *
 * It ends at 47 MiB, short of the module's own maximum: there Extism's limiter ends the call instead of letting
 * memory.grow fail, and the plugin would never see its error. NULL means that there is no room.
 */
#pragma once

#include <stddef.h>

void *memory_allocate(void *opaque, size_t length);
void *memory_allocate_zeroed(void *opaque, size_t count, size_t length);
void *memory_reallocate(void *opaque, void *payload, size_t length);
void memory_free(void *opaque, void *payload);
size_t memory_size(const void *payload);
