/* The C half of the JavaScript runtime: it joins QuickJS to Extism.
 *
 * Exports
 *     hm_load    input: JSON with a plugin's name and source text; runs it; output: JSON with its functions' names.
 *     hm_call    input: a function's name, a newline, the function's JSON input; output: what the function answered.
 *     hm_pages   output: how many pages of 64 KiB the instance's memory has, as text.
 *     hm_serve   for a module that carries its plugin with it: the name and hm_load's JSON lie in its own memory; loads
 *                the plugin if that has not been done, and calls the function with the whole input.
 * All return 0, or 1 after error_set(text).
 *
 * What is here is only what JavaScript cannot do itself: carrying text between Extism's memory and the engine's, calling
 * the imported functions, compiling modules, running jobs, and standing in for the libc calls that must be steered.
 * Everything else (what can be imported, how answers and errors read, console) is in boot.js.
 *
 * The engine boots at build time: Wizer runs wizer-initialize and stores the memory that it leaves as the module's
 * initial memory. So a new instance starts with the engine up and the PDK compiled.
 */
#include "extism.h"
#include "memory.h"

#include <errno.h>
#include <quickjs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

/* ---- Memory ------------------------------------------------------------------------------------------------- */

/* Given back when memory runs out, so that there is some for the error that says so, and for its text. */
static void *reserve;
enum { RESERVE = 512 * 1024 };

static bool ran_out; /* in the call under way */

static void keep_reserve(void)
{
    if (!reserve)
        reserve = memory_allocate(NULL, RESERVE);
}

static JSRuntime *runtime;
static JSContext *context;

/* After each collection of cycles the engine waits until memory has grown by half, which from COLLECT_BEFORE on would be
 * after it has run out. There it is made to collect again each time that so much has been allocated. */
enum { COLLECT_BEFORE = 30 * 1024 * 1024, COLLECT_EVERY = 4 * 1024 * 1024 };
static size_t allocated; /* since the last look */

static void watch_collector(size_t length)
{
    allocated += length;
    if (allocated < COLLECT_EVERY)
        return;
    allocated = 0;
    if (runtime && JS_GetGCThreshold(runtime) > COLLECT_BEFORE * 3 / 2)
        JS_SetGCThreshold(runtime, COLLECT_BEFORE);
}

static void *made_or_ran_out(void *made, size_t length)
{
    watch_collector(length);
    if (!made) {
        ran_out = true;
        memory_free(NULL, reserve);
        reserve = NULL;
    }
    return made;
}

static void *allocate(void *opaque, size_t length) { return made_or_ran_out(memory_allocate(opaque, length), length); }

static void *allocate_zeroed(void *opaque, size_t count, size_t length)
{
    return made_or_ran_out(memory_allocate_zeroed(opaque, count, length), count * length);
}

static void *reallocate(void *opaque, void *payload, size_t length)
{
    return made_or_ran_out(memory_reallocate(opaque, payload, length), length);
}

/* ---- Text as the engine's ------------------------------------------------------------------------------------------- */

/* The bytes at an offset with a zero behind them, to be freed; NULL with an exception set if there is no room. */
static char *text_at(uint64_t offset, size_t length)
{
    char *bytes = js_malloc(context, length + 1);
    if (!bytes)
        return NULL;
    load(offset, bytes, length);
    bytes[length] = 0;
    return bytes;
}

static char *whole_input(size_t *length)
{
    *length = (size_t)kernel_input_length();
    char *bytes = js_malloc(context, *length + 1);
    if (!bytes)
        return NULL;
    load_input(0, bytes, *length);
    bytes[*length] = 0;
    return bytes;
}

/* Half a surrogate pair has no UTF-8: the engine writes it as three bytes ED A0..BF xx, which nobody else accepts. Puts
 * U+FFFD in its place, which has three bytes too. */
static const char *well_formed(const char *text, size_t length, char **copy)
{
    *copy = NULL;
    size_t i = 0;
    const char *found;
    while ((found = memchr(text + i, 0xed, length - i))) {
        i = (size_t)(found - text) + 1;
        if (i + 1 >= length || (uint8_t)text[i] < 0xa0)
            continue;
        if (!*copy) {
            *copy = js_malloc(context, length);
            if (!*copy)
                return NULL;
            memcpy(*copy, text, length);
            text = *copy;
        }
        memcpy(*copy + i - 1, "\xef\xbf\xbd", 3);
    }
    return text;
}

/* Copies a string to Extism's memory; false with an exception set if that cannot be done. An empty one has the offset 0,
 * which is how Extism itself writes it. */
static bool store_string(JSValueConst string, uint64_t *offset, size_t *stored)
{
    size_t length;
    char *copy;
    const char *raw = JS_ToCStringLen(context, &length, string);
    if (!raw)
        return false;
    const char *text = well_formed(raw, length, &copy);
    bool done = text != NULL;
    if (done) {
        *offset = store(text, length);
        done = *offset || !length;
        if (!done)
            JS_ThrowOutOfMemory(context);
        if (stored)
            *stored = length;
    }
    js_free(context, copy);
    JS_FreeCString(context, raw);
    return done;
}

/* ---- The native functions ------------------------------------------------------------------------------------- */

/* Calls a function of the server with texts; gives its envelope, decoded, or undefined if there is none. */
static JSValue js_host(JSContext *c, JSValueConst self, int count, JSValueConst *arguments, int index)
{
    const struct host_function *function = &host_functions[index];
    if (count != function->arity)
        return JS_ThrowTypeError(c, "%s takes %d texts, not %d", function->name, function->arity, count);
    uint64_t parameters[MAX_PARAMETERS] = {0};
    int stored = 0;
    for (; stored < count; stored++) {
        if (!JS_IsString(arguments[stored])) {
            JS_ThrowTypeError(c, "%s takes texts, and argument %d is none", function->name, stored + 1);
            break;
        }
        if (!store_string(arguments[stored], &parameters[stored], NULL))
            break;
    }
    uint64_t answer = stored == count ? function->forward(parameters) : 0;
    for (int i = 0; i < stored; i++)
        release(parameters[i]);
    if (stored != count)
        return JS_EXCEPTION;
    if (!answer)
        return JS_UNDEFINED;
    size_t length = (size_t)kernel_length(answer);
    char *text = text_at(answer, length);
    kernel_free(answer);
    if (!text)
        return JS_EXCEPTION;
    JSValue envelope = JS_ParseJSON(c, text, length, "<server>");
    js_free(c, text);
    return envelope;
}

/* Extism's own log: what stands in for holomush_log where the host does not have it. */
static JSValue js_log(JSContext *c, JSValueConst self, int count, JSValueConst *arguments)
{
    const char *level = JS_ToCString(c, arguments[0]);
    uint64_t text;
    if (!level || !store_string(arguments[1], &text, NULL)) {
        JS_FreeCString(c, level);
        return JS_EXCEPTION;
    }
    if (text) { /* Extism has no empty text to log */
        if (!strcasecmp(level, "debug"))
            kernel_log_debug(text);
        else if (!strcasecmp(level, "warn"))
            kernel_log_warn(text);
        else if (!strcasecmp(level, "error"))
            kernel_log_error(text);
        else
            kernel_log_info(text);
        release(text);
    }
    JS_FreeCString(c, level);
    return JS_UNDEFINED;
}

/* A setting of the plugin's; null if it is not there. */
static JSValue js_config_get(JSContext *c, JSValueConst self, int count, JSValueConst *arguments)
{
    uint64_t key;
    if (!store_string(arguments[0], &key, NULL))
        return JS_EXCEPTION;
    uint64_t found = key ? kernel_config_get(key) : 0; /* nothing is called "" */
    release(key);
    if (!found)
        return JS_NULL;
    size_t length = (size_t)kernel_length(found);
    char *text = text_at(found, length);
    kernel_free(found);
    JSValue value = text ? JS_NewStringLen(c, text, length) : JS_EXCEPTION;
    js_free(c, text);
    return value;
}

/* A string's UTF-8, as a Uint8Array. */
static JSValue js_encode(JSContext *c, JSValueConst self, int count, JSValueConst *arguments)
{
    size_t length;
    char *copy;
    const char *raw = JS_ToCStringLen(c, &length, arguments[0]);
    const char *text = raw ? well_formed(raw, length, &copy) : NULL;
    JSValue bytes = text ? JS_NewUint8ArrayCopy(c, (const uint8_t *)text, length) : JS_EXCEPTION;
    if (raw) {
        js_free(c, copy);
        JS_FreeCString(c, raw);
    }
    return bytes;
}

/* The text of a Uint8Array; what is not UTF-8 becomes U+FFFD. */
static JSValue js_decode(JSContext *c, JSValueConst self, int count, JSValueConst *arguments)
{
    size_t length;
    const uint8_t *bytes = JS_GetUint8Array(c, &length, arguments[0]);
    return bytes ? JS_NewStringLen(c, (const char *)bytes, length) : JS_EXCEPTION;
}

/* Math.random: xorshift128+, since the engine seeds its own when the context is made, which is at build time. */
static uint64_t random_state[2];

static JSValue js_random(JSContext *c, JSValueConst self, int count, JSValueConst *arguments)
{
    uint64_t one = random_state[0], other = random_state[1];
    random_state[0] = other;
    one ^= one << 23;
    random_state[1] = one ^ other ^ (one >> 18) ^ (other >> 5);
    return JS_NewFloat64(c, (double)((random_state[1] + other) >> 11) * 0x1p-53);
}

/* ---- Stand-ins for libc ---------------------------------------------------------------------------------------- */

/* While the snapshot is made, clocks stand still, so that two builds of the same source are equal byte for byte. A plugin
 * sets `live`; from then on they are the real ones. */
static bool live = false;

static int64_t microseconds(__wasi_clockid_t clock)
{
    __wasi_timestamp_t nanoseconds;
    if (!live || __wasi_clock_time_get(clock, 1000, &nanoseconds))
        return 1700000000000000;
    return (int64_t)(nanoseconds / 1000);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int64_t since = microseconds(__WASI_CLOCKID_REALTIME);
    now->tv_sec = since / 1000000;
    now->tv_usec = (int32_t)(since % 1000000);
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t since = microseconds(__WASI_CLOCKID_MONOTONIC); /* all that the engine asks for */
    now->tv_sec = since / 1000000;
    now->tv_nsec = (int32_t)(since % 1000000 * 1000);
    return 0;
}

/* ---- Boot ------------------------------------------------------------------------------------------------------ */

static const char boot_source[] = {
#embed "boot.js"
    , 0};
static const char pdk_source[] = {
#embed "index.js"
    , 0};

/* How much of the C stack JavaScript may use before it gets its RangeError. The engine measures only this stack, which the
 * linker gives 1 MiB; the machine's own, 512 KiB of it, fills at another rate with each kind of recursion. Measured over
 * 30 kinds: with 192 KiB none overflows it. */
enum { STACK = 128 * 1024 };

static JSValue boot_begin, boot_resolve, boot_source_of, boot_functions, boot_answer, boot_describe, boot_track, boot_warn;
static JSValue plugin = JS_UNDEFINED; /* what plugin.js exports */
static bool has_rejections;

static bool add_native(JSValueConst native)
{
    for (int i = 0; i < HOST_FUNCTION_COUNT; i++) {
        const char *name = host_functions[i].name;
        JSValue function = JS_NewCFunctionMagic(context, js_host, name, 0, JS_CFUNC_generic_magic, i);
        if (JS_SetPropertyStr(context, native, name, function) < 0)
            return false;
    }
    return JS_SetPropertyStr(context, native, "config_get", JS_NewCFunction(context, js_config_get, "config_get", 1)) >= 0
        && JS_SetPropertyStr(context, native, "log", JS_NewCFunction(context, js_log, "log", 2)) >= 0
        && JS_SetPropertyStr(context, native, "encode", JS_NewCFunction(context, js_encode, "encode", 1)) >= 0
        && JS_SetPropertyStr(context, native, "decode", JS_NewCFunction(context, js_decode, "decode", 1)) >= 0
        && JS_SetPropertyStr(context, native, "random", JS_NewCFunction(context, js_random, "random", 0)) >= 0;
}

static JSValue run_boot(void)
{
    JSValue make = JS_Eval(context, boot_source, sizeof boot_source - 1, "<holomush>", JS_EVAL_TYPE_GLOBAL);
    JSValue native = JS_NewObject(context);
    JSValue boot = JS_EXCEPTION;
    if (!JS_IsException(make) && add_native(native))
        boot = JS_Call(context, make, JS_UNDEFINED, 1, &native);
    JS_FreeValue(context, make);
    JS_FreeValue(context, native);
    return boot;
}

static char *normalize(JSContext *c, const char *base, const char *specifier, void *opaque)
{
    JSValueConst arguments[] = {JS_NewString(c, base), JS_NewString(c, specifier)};
    JSValue name = JS_Call(c, boot_resolve, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(c, arguments[0]);
    JS_FreeValue(c, arguments[1]);
    const char *text = JS_IsException(name) ? NULL : JS_ToCString(c, name);
    char *copy = text ? js_strdup(c, text) : NULL;
    JS_FreeCString(c, text);
    JS_FreeValue(c, name);
    return copy;
}

static JSModuleDef *compile_file(JSContext *c, const char *name, void *opaque)
{
    JSValueConst argument = JS_NewString(c, name);
    JSValue source = JS_Call(c, boot_source_of, JS_UNDEFINED, 1, &argument);
    JS_FreeValue(c, argument);
    size_t length;
    const char *text = JS_IsException(source) ? NULL : JS_ToCStringLen(c, &length, source);
    JSValue made = text ? JS_Eval(c, text, length, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY) : JS_EXCEPTION;
    JS_FreeCString(c, text);
    JS_FreeValue(c, source);
    if (JS_IsException(made))
        return NULL;
    JSModuleDef *module = JS_VALUE_GET_PTR(made);
    JS_FreeValue(c, made); /* the context keeps it */
    return module;
}

static void track_rejection(JSContext *c, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque)
{
    JSValueConst arguments[] = {promise, reason, JS_NewBool(c, is_handled)};
    JSValue pending = JS_GetException(c); /* the call must not disturb the one that is on its way */
    JSValue done = JS_Call(c, boot_track, JS_UNDEFINED, 3, arguments);
    if (JS_IsException(done))
        JS_FreeValue(c, JS_GetException(c));
    JS_FreeValue(c, done);
    JS_Throw(c, pending);
    has_rejections = true;
}

static const char *boot(void)
{
    static const JSMallocFunctions memory = {
        allocate_zeroed, allocate, memory_free, reallocate, memory_size,
    };
    runtime = JS_NewRuntime2(&memory, NULL);
    context = runtime ? JS_NewContext(runtime) : NULL;
    if (!context)
        return "no memory for the engine";
    JS_SetMaxStackSize(runtime, STACK);
    JSValue functions = run_boot();
    if (JS_IsException(functions))
        return "boot.js failed";
    boot_begin = JS_GetPropertyStr(context, functions, "begin");
    boot_resolve = JS_GetPropertyStr(context, functions, "resolve");
    boot_source_of = JS_GetPropertyStr(context, functions, "source");
    boot_functions = JS_GetPropertyStr(context, functions, "functions");
    boot_answer = JS_GetPropertyStr(context, functions, "answer");
    boot_describe = JS_GetPropertyStr(context, functions, "describe");
    boot_track = JS_GetPropertyStr(context, functions, "track");
    boot_warn = JS_GetPropertyStr(context, functions, "warnOfRejections");
    JS_FreeValue(context, functions);

    JSValue pdk = JS_Eval(context, pdk_source, sizeof pdk_source - 1, "holomush-pdk", JS_EVAL_TYPE_MODULE);
    JSContext *done;
    while (JS_ExecutePendingJob(runtime, &done) > 0)
        ;
    if (JS_IsException(pdk) || JS_PromiseState(context, pdk) != JS_PROMISE_FULFILLED)
        return "the PDK failed";
    JS_FreeValue(context, pdk);
    JS_SetModuleLoaderFunc(runtime, normalize, compile_file, NULL);
    JS_SetHostPromiseRejectionTracker(runtime, track_rejection, NULL);
    JS_RunGC(runtime);
    return NULL;
}

EXPORT("wizer-initialize") void wizer_initialize(void)
{
    const char *problem = boot();
    if (problem) {
        JSValue error = context ? JS_GetException(context) : JS_UNDEFINED;
        const char *text = context ? JS_ToCString(context, error) : "";
        fprintf(stderr, "the engine did not start: %s: %s\n", problem, text);
        __builtin_trap();
    }
    /* The linker puts the stack first, at address 0. What calls have left on it below this frame is of no use, but
     * would go into the snapshot as data, so it is wiped. */
    char here;
    for (volatile char *byte = (volatile char *)16; byte < (volatile char *)&here - 256; byte++)
        *byte = 0;
}

/* ---- The exports ----------------------------------------------------------------------------------------------- */

/* The text of an exception, which it frees; an exception again if there is no memory for it. */
static JSValue describe(JSValue error)
{
    memory_free(NULL, reserve);
    reserve = NULL;
    if (JS_IsUninitialized(error)) /* a few places of the engine forget to say that there was no memory */
        error = JS_NULL;
    JSValueConst arguments[] = {error, JS_NewBool(context, ran_out)};
    JSValue text = JS_Call(context, boot_describe, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(context, error);
    return text;
}

/* The same text, but never one that the server could take for Extism's own word: "timeout", "oom" and the others, which all
 * begin with a small letter. Whatever a plugin has made of boot.js, this is in C. */
static JSValue never_extisms(JSValueConst text)
{
    size_t length;
    const char *bytes = JS_ToCStringLen(context, &length, text);
    if (!bytes)
        return JS_EXCEPTION;
    static const char mark[] = "Error: ";
    enum { MARK = sizeof mark - 1 };
    size_t before = !length || (bytes[0] >= 'a' && bytes[0] <= 'z') ? MARK : 0;
    char *marked = js_malloc(context, length + MARK);
    JSValue made = JS_EXCEPTION;
    if (marked) {
        memcpy(marked, mark, before);
        memcpy(marked + before, bytes, length);
        made = JS_NewStringLen(context, marked, before + length);
    }
    js_free(context, marked);
    JS_FreeCString(context, bytes);
    return made;
}

/* Makes a text that describe() has given the call's error. Always returns 1. */
static int32_t fail_with_text(JSValueConst text)
{
    uint64_t offset;
    JSValue safe = JS_IsException(text) ? JS_EXCEPTION : never_extisms(text);
    bool done = !JS_IsException(safe) && store_string(safe, &offset, NULL);
    JS_FreeValue(context, safe);
    if (done) {
        kernel_error_set(offset);
        return 1;
    }
    JS_FreeValue(context, JS_GetException(context));
    return fail_with(ran_out ? "MemoryError" : "Error: an error that cannot be shown");
}

static int32_t report_exception(void)
{
    JSValue text = describe(JS_GetException(context));
    int32_t status = fail_with_text(text);
    JS_FreeValue(context, text);
    return status;
}

/* Runs what promises have left to do. What a job throws (queueMicrotask) is a rejection that nobody looks at. */
static void run_jobs(void)
{
    JSContext *done;
    int state;
    while ((state = JS_ExecutePendingJob(runtime, &done)) != 0) {
        if (state > 0)
            continue;
        JSValue error = JS_GetException(context);
        JSValue promise = JS_NewObject(context);
        if (JS_IsException(promise))
            JS_FreeValue(context, JS_GetException(context));
        else
            track_rejection(context, promise, error, false, NULL);
        JS_FreeValue(context, promise);
        JS_FreeValue(context, error);
    }
}

/* Lets a call end: its promises are settled, and `result` is what came of it, or an exception that is set. */
static JSValue settle(JSValue result, const char *unsettled)
{
    JSValue error = JS_IsException(result) ? JS_GetException(context) : JS_UNINITIALIZED;
    run_jobs();
    if (has_rejections) {
        has_rejections = false;
        JSValueConst answered = JS_IsException(result) ? JS_UNDEFINED : result;
        JSValue done = JS_Call(context, boot_warn, JS_UNDEFINED, 1, &answered);
        if (JS_IsException(done))
            JS_FreeValue(context, JS_GetException(context));
        JS_FreeValue(context, done);
    }
    if (JS_IsException(result))
        return JS_Throw(context, error);
    if (!JS_IsPromise(result))
        return result;
    JSPromiseStateEnum state = JS_PromiseState(context, result);
    JSValue value = JS_PromiseResult(context, result);
    JS_FreeValue(context, result);
    if (state == JS_PROMISE_FULFILLED)
        return value;
    return state == JS_PROMISE_REJECTED ? JS_Throw(context, value) : JS_ThrowPlainError(context, "%s", unsettled);
}

/* Answers with a string that boot.js has made, and frees it. */
static int32_t answer_with(JSValue text)
{
    uint64_t offset;
    size_t length;
    if (JS_IsException(text) || !store_string(text, &offset, &length)) {
        JS_FreeValue(context, text);
        return report_exception();
    }
    JS_FreeValue(context, text);
    kernel_output_set(offset, length);
    return 0;
}

static void enter(void)
{
    JS_UpdateStackTop(runtime);
    keep_reserve();
    ran_out = false;
}

/* Runs the plugin that the JSON describes. `source` ends with a zero. */
static bool load_plugin(const char *source, size_t length)
{
    live = true;
    if (getentropy(random_state, sizeof random_state) || !(random_state[0] | random_state[1]))
        random_state[0] = 1; /* all zeros would stay so */
    JS_AddPerformance(context); /* again, for its origin is the time at which it is made */
    JSValue request = JS_ParseJSON(context, source, length, "<server>");
    if (JS_IsException(request))
        return false;
    JSValue begun = JS_Call(context, boot_begin, JS_UNDEFINED, 1, &request);
    JS_FreeValue(context, request);
    if (JS_IsException(begun))
        return false;
    JSModuleDef *module = compile_file(context, "plugin.js", NULL);
    if (!module)
        return false;
    JSValue promise = JS_EvalFunction(context, JS_DupValue(context, JS_MKPTR(JS_TAG_MODULE, module)));
    JSValue done = settle(promise, "plugin.js waits for a promise that nothing will ever settle");
    if (JS_IsException(done))
        return false;
    JS_FreeValue(context, done);
    plugin = JS_GetModuleNamespace(context, module);
    return !JS_IsException(plugin);
}

static int32_t call_plugin(const char *name, size_t name_length, const char *input, size_t length)
{
    char label[200];
    snprintf(label, sizeof label, "%.*s", (int)(name_length < 100 ? name_length : 100), name);
    JSAtom atom = JS_NewAtomLen(context, name, name_length);
    JSValue function = JS_GetProperty(context, plugin, atom);
    JSValue name_value = JS_AtomToString(context, atom);
    JS_FreeAtom(context, atom);
    JSValue result = JS_EXCEPTION;
    if (!JS_IsException(function) && !JS_IsFunction(context, function)) {
        JS_ThrowReferenceError(context, "plugin.js exports no function '%s'", label);
    } else if (!JS_IsException(function)) {
        JSValue argument = length ? JS_ParseJSON(context, input, length, "<server>") : JS_NULL;
        if (!JS_IsException(argument))
            result = JS_Call(context, function, JS_UNDEFINED, 1, &argument);
        JS_FreeValue(context, argument);
    }
    JS_FreeValue(context, function);

    char unsettled[300];
    snprintf(unsettled, sizeof unsettled, "%s waits for a promise that nothing will ever settle", label);
    result = settle(result, unsettled);
    int32_t status = 0;
    if (JS_IsException(result)) {
        status = report_exception();
    } else if (!JS_IsUndefined(result) && !JS_IsNull(result)) {
        JSValueConst arguments[] = {name_value, result};
        status = answer_with(JS_Call(context, boot_answer, JS_UNDEFINED, 2, arguments));
    }
    JS_FreeValue(context, result);
    JS_FreeValue(context, name_value);
    return status;
}

EXPORT("hm_load") int32_t hm_load(void)
{
    if (live)
        return fail_with("this instance already has a plugin");
    enter();
    size_t length;
    char *source = whole_input(&length);
    bool loaded = source && load_plugin(source, length);
    js_free(context, source);
    if (!loaded)
        return report_exception();
    return answer_with(JS_Call(context, boot_functions, JS_UNDEFINED, 1, &plugin));
}

EXPORT("hm_call") int32_t hm_call(void)
{
    if (JS_IsUndefined(plugin))
        return fail_with("no plugin has been loaded: hm_load comes first");
    enter();
    size_t length;
    char *input = whole_input(&length);
    if (!input)
        return report_exception();
    char *newline = memchr(input, '\n', length);
    int32_t status;
    if (!newline)
        status = fail_with("the input has to be a function's name, a newline and the function's input");
    else
        status = call_plugin(input, (size_t)(newline - input), newline + 1, length - (size_t)(newline + 1 - input));
    js_free(context, input);
    return status;
}

/* How much memory this instance has, in pages of 64 KiB, for the server's figures. */
EXPORT("hm_pages") int32_t hm_pages(void)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%zu", (size_t)__builtin_wasm_memory_size(0));
    kernel_output_set(store(text, (size_t)length), (uint64_t)length);
    return 0;
}

/* Why hm_serve has no plugin to call: what its source failed with. */
static JSValue failure = JS_UNDEFINED;

EXPORT("hm_serve")
int32_t hm_serve(const char *name, size_t name_length, const char *source, size_t source_length)
{
    enter();
    if (!live) {
        char *copy = js_strndup(context, source, source_length);
        bool loaded = copy && load_plugin(copy, source_length);
        js_free(context, copy);
        if (!loaded)
            failure = describe(JS_GetException(context));
    }
    if (!JS_IsUndefined(failure))
        return fail_with_text(failure);
    if (JS_IsUndefined(plugin)) /* a trap comes back from nowhere */
        return fail_with("the plugin was stopped while it was being loaded");
    size_t length;
    char *input = whole_input(&length);
    if (!input)
        return report_exception();
    int32_t status = call_plugin(name, name_length, input, length);
    js_free(context, input);
    return status;
}
