/* Included before the engine's own source: makes its check for endless recursion hold for a WebAssembly engine.
 *
 * The check compares the address of a frame on the C stack in linear memory with a limit. The machine's stack, which is
 * what overflows (512 KiB, a trap, and the instance is lost), is used at another rate: up to 20 bytes for each byte of the
 * C stack where functions keep everything in registers. The padding lands in the frame of every function that makes the
 * check, and so brings the two rates close together.
 *
 * Before it compares, the check takes off what the frame is about to allocate, such as the arguments of a call. The stack
 * lies at address 0, so that could go below it, wrap around and pass. So all addresses are given as if it lay at 1 GiB.
 */
#define __builtin_frame_address(level)                         \
    ({                                                         \
        volatile char padding[192];                            \
        padding[0] = 0;                                        \
        (void *)((__UINTPTR_TYPE__)padding + (1u << 30));      \
    })

/* The parser makes its check in its tokenizer, where a padding would be gone at once, and recurses through up to 20
 * functions for one bracket. So it is stopped earlier: with this much of the stack left. See STACK in shim.c. */
#define PARSER_MARGIN (96 * 1024)
