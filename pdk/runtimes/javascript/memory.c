/* The memory of the JavaScript engine.
 *
 * The allocator of zig's libc rounds every size up to a power of two and never joins what is given back: fine for
 * tools, but a plugin would get half of its 47 MiB. This one is the usual boundary-tag heap with size classes: a block
 * is found, split and joined in constant time, and the last block of the heap grows in place.
 *
 * A block is a header of 8 bytes and its payload. Blocks lie one after the other and end with a used one without payload,
 * so both neighbours of a block can always be looked at.
 */
#include "memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct Block {
    uint32_t size;     /* with the header; a multiple of 8, and the lowest bit says that it is used */
    uint32_t previous; /* the size of the block before it; 0 for the first */
    struct Block *next_free, *previous_free; /* only in a free one */
} Block;

enum {
    HEADER = 8,
    SMALLEST = sizeof(Block),
    USED = 1,
    WASM_PAGE = 65536,
    MAX_PAGES = 752, /* 47 MiB: see memory.h */
    EXACT = 32,      /* classes of one size each, below 256 bytes; then 4 for each power of two */
    CLASSES = EXACT + 4 * 24,
};

extern char __heap_base; /* by the linker: behind the stack and the data */

static Block *free_lists[CLASSES];
static uint32_t occupied[CLASSES / 32]; /* a bit for each list that is not empty */
static Block *end;                      /* the block without payload */

static uint32_t size_of(const Block *block) { return block->size & ~(uint32_t)USED; }
static bool is_used(const Block *block) { return block->size & USED; }
static Block *after(const Block *block) { return (Block *)((char *)block + size_of(block)); }
static Block *before(const Block *block) { return (Block *)((char *)block - block->previous); }
static Block *block_of(const void *payload) { return (Block *)((char *)payload - HEADER); }
static void *payload_of(Block *block) { return (char *)block + HEADER; }

/* The class whose blocks have this size or more, and less than that of the next class. */
static unsigned class_of(uint32_t size)
{
    if (size < 8 * EXACT)
        return size / 8;
    unsigned power = 31 - (unsigned)__builtin_clz(size);
    return EXACT + (power - 8) * 4 + ((size >> (power - 2)) & 3);
}

static void put(Block *block, uint32_t size)
{
    block->size = size;
    after(block)->previous = size;
    unsigned class = class_of(size);
    block->previous_free = NULL;
    block->next_free = free_lists[class];
    if (block->next_free)
        block->next_free->previous_free = block;
    free_lists[class] = block;
    occupied[class / 32] |= 1u << class % 32;
}

static void take(Block *block)
{
    if (block->next_free)
        block->next_free->previous_free = block->previous_free;
    if (block->previous_free) {
        block->previous_free->next_free = block->next_free;
        return;
    }
    unsigned class = class_of(block->size);
    free_lists[class] = block->next_free;
    if (!block->next_free)
        occupied[class / 32] &= ~(1u << class % 32);
}

/* Makes a free block of what lies there, joined with its free neighbours. */
static void release(Block *block, uint32_t size)
{
    Block *next = (Block *)((char *)block + size);
    if (!is_used(next)) {
        take(next);
        size += next->size;
    }
    if (block->previous && !is_used(before(block))) {
        block = before(block);
        take(block);
        size += block->size;
    }
    put(block, size);
}

/* Marks a block that is in no list as used, and gives back what it has beyond `size`. */
static void use(Block *block, uint32_t size)
{
    uint32_t whole = size_of(block);
    if (whole - size < SMALLEST)
        size = whole;
    block->size = size | USED;
    after(block)->previous = size;
    if (size < whole)
        release(after(block), whole - size);
}

/* Whether new memory would come right behind the heap. A self-contained module keeps its plugin's source there: then the
 * heap goes on behind it, and its blocks before are as good as ever. */
static bool at_the_top(void) { return end && (uintptr_t)end + HEADER == __builtin_wasm_memory_size(0) * WASM_PAGE; }

/* Makes the last block a free one that has at least this size. */
static bool extend(uint32_t size)
{
    uint32_t pages = (uint32_t)__builtin_wasm_memory_size(0), top = pages * WASM_PAGE;
    bool joined = at_the_top();
    uint32_t there = joined && end->previous && !is_used(before(end)) ? before(end)->size : 0;
    uint32_t start = joined ? (uint32_t)(uintptr_t)end : end ? top : ((uint32_t)(uintptr_t)&__heap_base + 7) & ~7u;
    uint32_t wanted = start + size - there + HEADER;
    uint32_t more = wanted > top ? (wanted - top + WASM_PAGE - 1) / WASM_PAGE : 0;
    if (more > MAX_PAGES || pages + more > MAX_PAGES || __builtin_wasm_memory_grow(0, more) == SIZE_MAX)
        return false;
    Block *made = (Block *)(uintptr_t)start;
    if (!joined)
        made->previous = 0;
    uint32_t made_size = top + more * WASM_PAGE - HEADER - start;
    end = (Block *)((char *)made + made_size);
    end->size = HEADER | USED;
    end->previous = made_size;
    release(made, made_size);
    return true;
}

/* The size of a block for so many bytes of payload; 0 if there can be none. */
static uint32_t block_size(size_t length)
{
    if (length > (size_t)MAX_PAGES * WASM_PAGE)
        return 0;
    uint32_t size = ((uint32_t)length + HEADER + 7) & ~(uint32_t)7;
    return size < SMALLEST ? SMALLEST : size;
}

static Block *find(uint32_t size)
{
    /* In a class of several sizes the first block may be too small: so from the class above, in which any will do. */
    unsigned class = class_of(size);
    if (class >= EXACT)
        class++;
    for (unsigned word = class / 32; word < CLASSES / 32; word++) {
        uint32_t bits = occupied[word];
        if (word == class / 32)
            bits &= ~(uint32_t)0 << class % 32;
        if (bits)
            return free_lists[word * 32 + (unsigned)__builtin_ctz(bits)];
    }
    return NULL;
}

void *memory_allocate(void *opaque, size_t length)
{
    (void)opaque;
    uint32_t size = block_size(length);
    if (!size)
        return NULL;
    Block *block = find(size);
    if (!block) {
        bool is_there = end && end->previous && !is_used(before(end)) && before(end)->size >= size;
        if (!is_there && !extend(size))
            return NULL;
        block = before(end);
    }
    take(block);
    use(block, size);
    return payload_of(block);
}

void *memory_allocate_zeroed(void *opaque, size_t count, size_t length)
{
    if (length && count > SIZE_MAX / length)
        return NULL;
    void *made = memory_allocate(opaque, count * length);
    return made ? memset(made, 0, count * length) : NULL;
}

void memory_free(void *opaque, void *payload)
{
    (void)opaque;
    if (payload)
        release(block_of(payload), size_of(block_of(payload)));
}

void *memory_reallocate(void *opaque, void *payload, size_t length)
{
    if (!payload)
        return memory_allocate(opaque, length);
    uint32_t size = block_size(length);
    if (!size)
        return NULL;
    Block *block = block_of(payload);
    uint32_t old = size_of(block);
    if (old < size) {
        Block *next = after(block);
        uint32_t there = old + (is_used(next) ? 0 : next->size);
        if (there < size && (char *)block + there == (char *)end && at_the_top() && extend(size - old)) {
            next = after(block);
            there = old + next->size;
        }
        if (there < size) {
            void *made = memory_allocate(opaque, length);
            if (!made)
                return NULL;
            memcpy(made, payload, old - HEADER);
            memory_free(opaque, payload);
            return made;
        }
        take(next);
        block->size = there | USED;
    }
    use(block, size);
    return payload;
}

size_t memory_size(const void *payload)
{
    return payload ? size_of(block_of(payload)) - HEADER : 0;
}
