/* The C half of the Python runtime: it joins CPython to Extism.
 *
 * Exports
 *     hm_load   input: JSON with a plugin's name and source text; runs it; output: JSON with its functions' names.
 *     hm_call   input: a function's name, a newline, the function's JSON input; output: what the function answered.
 *     hm_pages  output: how many pages of 64 KiB the instance's memory has, as text.
 *     hm_serve  parameters: the name of a function, and what hm_load would get as input, in this module's own memory;
 *               input: the function's JSON input. Loads the plugin first if this is the instance's first call.
 * But for hm_serve they take no parameters; all return 0, or 1 after error_set(text).
 *
 * hm_serve is for modules that hold a plugin themselves (holomush/authoring/standalone.py): there each of its functions
 * is an export that calls hm_serve.
 *
 * What is here is only what Python cannot do itself: carrying text between Extism's memory and Python's, calling the
 * imported functions, and standing in for the libc calls that must not work in a plugin. Everything else
 * (loading, choosing the handler, tracebacks) is in guest/holomush_boot.py.
 *
 * The interpreter boots at build time: Wizer runs wizer-initialize and stores the memory that it leaves as the
 * module's initial memory. So a new instance starts with Python up and the usual modules imported, in 0.3 ms.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "extism.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

/* ---- Text as Python's ------------------------------------------------------------------------------------------- */

static PyObject *bytes_at(uint64_t offset)
{
    size_t length = (size_t)kernel_length(offset);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    if (bytes)
        load(offset, PyBytes_AS_STRING(bytes), length);
    return bytes;
}

static PyObject *text_at(uint64_t offset)
{
    size_t length = (size_t)kernel_length(offset);
    char small[1024]; /* most envelopes fit: one allocation fewer */
    char *buffer = length <= sizeof small ? small : PyMem_Malloc(length);
    if (!buffer)
        return PyErr_NoMemory();
    load(offset, buffer, length);
    PyObject *text = PyUnicode_DecodeUTF8(buffer, (Py_ssize_t)length, "replace");
    if (buffer != small)
        PyMem_Free(buffer);
    return text;
}

/* The bytes of a str or bytes object, borrowed from it; NULL with an exception set if it is neither. */
static const char *borrow(PyObject *object, Py_ssize_t *length)
{
    if (PyUnicode_Check(object))
        return PyUnicode_AsUTF8AndSize(object, length);
    if (PyBytes_Check(object)) {
        *length = PyBytes_GET_SIZE(object);
        return PyBytes_AS_STRING(object);
    }
    PyErr_Format(PyExc_TypeError, "expected str or bytes, not %.100s", Py_TYPE(object)->tp_name);
    return NULL;
}

/* Copies a str or bytes object to Extism's memory; 0 with an exception set if that cannot be done. An empty one has
 * the offset 0, which is how Extism itself writes it. */
static int store_object(PyObject *object, uint64_t *offset)
{
    Py_ssize_t length;
    const char *bytes = borrow(object, &length);
    if (!bytes)
        return 0;
    *offset = store(bytes, (size_t)length);
    if (!*offset && length) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

/* ---- The module _holomush ------------------------------------------------------------------------------------- */

static PyObject *input; /* bytes: the JSON input of the call under way */

static PyObject *call_host(const struct host_function *function, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != function->arity)
        return PyErr_Format(PyExc_TypeError, "%s takes %d texts, not %zd", function->name, function->arity, count);
    uint64_t parameters[MAX_PARAMETERS] = {0};
    for (int i = 0; i < count; i++) {
        if (!store_object(arguments[i], &parameters[i])) {
            while (i--)
                release(parameters[i]);
            return NULL;
        }
    }
    uint64_t answer = function->forward(parameters);
    for (int i = 0; i < count; i++)
        release(parameters[i]);
    if (!answer)
        Py_RETURN_NONE;
    PyObject *text = text_at(answer);
    kernel_free(answer);
    return text;
}

#define HOST_FUNCTION(name, arity, result)                                                                        \
    static PyObject *py_##name(PyObject *module, PyObject *const *arguments, Py_ssize_t count)                    \
    {                                                                                                             \
        return call_host(&host_functions[INDEX_##name], arguments, count);                                        \
    }
#include "host_functions.def"
#undef HOST_FUNCTION

static PyObject *py_input(PyObject *module, PyObject *nothing)
{
    if (!input)
        return PyBytes_FromStringAndSize(NULL, 0);
    return Py_NewRef(input);
}

static PyObject *py_output(PyObject *module, PyObject *object)
{
    Py_ssize_t length;
    const char *bytes = borrow(object, &length);
    if (!bytes)
        return NULL;
    uint64_t offset = store(bytes, (size_t)length);
    if (!offset && length)
        return PyErr_NoMemory();
    kernel_output_set(offset, (uint64_t)length);
    Py_RETURN_NONE;
}

/* Extism's own log: what stands in for holomush_log where the host does not have it. */
static PyObject *py_log(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2)
        return PyErr_Format(PyExc_TypeError, "log takes a level and a text");
    Py_ssize_t length;
    const char *level = borrow(arguments[0], &length);
    uint64_t text;
    if (!level || !store_object(arguments[1], &text))
        return NULL;
    if (!text) /* Extism has no empty text to log */
        Py_RETURN_NONE;
    if (!strcasecmp(level, "debug"))
        kernel_log_debug(text);
    else if (!strcasecmp(level, "warn"))
        kernel_log_warn(text);
    else if (!strcasecmp(level, "error"))
        kernel_log_error(text);
    else
        kernel_log_info(text);
    release(text);
    Py_RETURN_NONE;
}

/* Looks a key up in the plugin's configuration or variables; None if it is not there. */
static PyObject *look_up(uint64_t (*get)(uint64_t), PyObject *key, PyObject *(*read)(uint64_t))
{
    uint64_t where;
    if (!store_object(key, &where))
        return NULL;
    uint64_t found = where ? get(where) : 0; /* nothing is called "" */
    release(where);
    if (!found)
        Py_RETURN_NONE;
    PyObject *value = read(found);
    kernel_free(found);
    return value;
}

static PyObject *py_config_get(PyObject *module, PyObject *key)
{
    return look_up(kernel_config_get, key, text_at);
}

static PyObject *py_var_get(PyObject *module, PyObject *key)
{
    return look_up(kernel_var_get, key, bytes_at);
}

static PyObject *py_var_set(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2)
        return PyErr_Format(PyExc_TypeError, "var_set takes a key and a value");
    uint64_t key;
    if (!store_object(arguments[0], &key))
        return NULL;
    if (!key)
        return PyErr_Format(PyExc_ValueError, "a variable needs a name");
    uint64_t value = 0; /* offset 0 removes the variable, so an empty value does so too */
    if (arguments[1] != Py_None && !store_object(arguments[1], &value)) {
        release(key);
        return NULL;
    }
    kernel_var_set(key, value);
    release(key);
    release(value);
    Py_RETURN_NONE;
}

/* Extism memory blocks, for the `memory` helpers of the guest module extism. */

static PyObject *py_memory_alloc(PyObject *module, PyObject *object)
{
    uint64_t offset;
    return store_object(object, &offset) ? PyLong_FromUnsignedLongLong(offset) : NULL;
}

static int offset_argument(PyObject *argument, uint64_t *offset)
{
    *offset = PyLong_AsUnsignedLongLong(argument);
    return !(*offset == (uint64_t)-1 && PyErr_Occurred());
}

static PyObject *py_memory_length(PyObject *module, PyObject *argument)
{
    uint64_t offset;
    return offset_argument(argument, &offset) ? PyLong_FromUnsignedLongLong(kernel_length(offset)) : NULL;
}

static PyObject *py_memory_load(PyObject *module, PyObject *argument)
{
    uint64_t offset;
    return offset_argument(argument, &offset) ? bytes_at(offset) : NULL;
}

static PyObject *py_memory_free(PyObject *module, PyObject *argument)
{
    uint64_t offset;
    if (!offset_argument(argument, &offset))
        return NULL;
    kernel_free(offset);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
#define HOST_FUNCTION(name, arity, result) {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL},
#include "host_functions.def"
#undef HOST_FUNCTION
    {"input", py_input, METH_NOARGS, NULL},
    {"output", py_output, METH_O, NULL},
    {"log", (PyCFunction)(void (*)(void))py_log, METH_FASTCALL, NULL},
    {"config_get", py_config_get, METH_O, NULL},
    {"var_get", py_var_get, METH_O, NULL},
    {"var_set", (PyCFunction)(void (*)(void))py_var_set, METH_FASTCALL, NULL},
    {"memory_alloc", py_memory_alloc, METH_O, NULL},
    {"memory_length", py_memory_length, METH_O, NULL},
    {"memory_load", py_memory_load, METH_O, NULL},
    {"memory_free", py_memory_free, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_holomush",
    .m_size = -1,
    .m_methods = methods,
};

static PyObject *create_module(void)
{
    PyObject *module = PyModule_Create(&module_definition);
    if (!module)
        return NULL;
    PyObject *table = PyDict_New(); /* name -> (number of parameters, whether it answers) */
    for (int i = 0; table && i < HOST_FUNCTION_COUNT; i++) {
        PyObject *entry = Py_BuildValue("(iO)", host_functions[i].arity, host_functions[i].answers ? Py_True : Py_False);
        if (!entry || PyDict_SetItemString(table, host_functions[i].name, entry) < 0)
            Py_CLEAR(table);
        Py_XDECREF(entry);
    }
    if (!table || PyModule_AddObject(module, "HOST_FUNCTIONS", table) < 0) {
        Py_XDECREF(table);
        Py_CLEAR(module);
    }
    return module;
}

/* ---- Stand-ins for libc ---------------------------------------------------------------------------------------- */

/* While the snapshot is made, clocks stand still and entropy is constant, so that two builds of the same source are
 * equal byte for byte. Loading a plugin sets `live`; from then on both are the real ones. */
static int live = 0;

int getentropy(void *buffer, size_t length)
{
    if (!live) {
        memset(buffer, 0x5a, length);
        return 0;
    }
    return __wasi_random_get(buffer, length) ? -1 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!live) {
        now->tv_sec = 1700000000;
        now->tv_nsec = 0;
        return 0;
    }
    __wasi_timestamp_t nanoseconds;
    __wasi_errno_t error = __wasi_clock_time_get(
        clock == CLOCK_REALTIME ? __WASI_CLOCKID_REALTIME : __WASI_CLOCKID_MONOTONIC, 1, &nanoseconds);
    if (error) {
        errno = error;
        return -1;
    }
    now->tv_sec = (time_t)(nanoseconds / 1000000000u);
    now->tv_nsec = (long)(nanoseconds % 1000000000u);
    return 0;
}

clock_t clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (clock_t)now.tv_sec * 1000000000LL + now.tv_nsec;
}

clock_t __clock(void) { return clock(); }

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

/* Nothing may wait inside WASI: the server's time limit interrupts WebAssembly code, but not a host that sleeps on its
 * behalf. These are all that could (ioctl polls, too), so poll_oneoff is not even imported. */
int nanosleep(const struct timespec *duration, struct timespec *left) { errno = ENOSYS; return -1; }
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) { return ENOSYS; }
int ioctl(int file, int request, ...) { errno = ENOTTY; return -1; }
int poll(struct pollfd *files, nfds_t count, int timeout) { errno = ENOSYS; return -1; }
int select(int count, fd_set *reading, fd_set *writing, fd_set *failing, struct timeval *timeout)
{
    errno = ENOSYS;
    return -1;
}
int pselect(int count, fd_set *reading, fd_set *writing, fd_set *failing, const struct timespec *timeout,
            const sigset_t *signals)
{
    errno = ENOSYS;
    return -1;
}

/* How malloc gets memory. Stops short of the module's own maximum (the linker's --max-memory): there Extism's limiter
 * ends the call instead of letting memory.grow fail, and the plugin would never see its MemoryError. */
enum { WASM_PAGE = 65536, MAX_PAGES = 752 }; /* 47 MiB */

static size_t spare; /* pages at the end of the memory that malloc has given back: a memory cannot shrink */

void *sbrk(intptr_t increment)
{
    size_t pages = __builtin_wasm_memory_size(0) - spare;
    void *end = (void *)(pages * WASM_PAGE);
    if (increment % WASM_PAGE)
        __builtin_trap(); /* malloc never does */
    if (increment < 0) {
        /* Where a plugin's source lies behind the first heap, malloc needs one that is apart, and may find it too small. */
        spare += (size_t)-increment / WASM_PAGE;
        return end;
    }
    size_t more = (size_t)increment / WASM_PAGE;
    size_t missing = more > spare ? more - spare : 0;
    if (more > MAX_PAGES || pages + more > MAX_PAGES || (missing && __builtin_wasm_memory_grow(0, missing) == SIZE_MAX)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    spare -= more - missing;
    return end;
}

/* ---- Boot ------------------------------------------------------------------------------------------------------ */

extern const struct _frozen holomush_frozen[]; /* made by freeze.py */

static PyObject *boot_load, *boot_call, *boot_describe; /* functions of holomush_boot */
static void *reserve;                                   /* given back when memory runs out, see report() */
enum { RESERVE = 512 * 1024 };

static const char *boot(void)
{
    PyImport_FrozenModules = holomush_frozen;
    PyImport_AppendInittab("_holomush", create_module);

    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    before.configure_locale = 0;
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status))
        return status.err_msg;

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 0;
    config.pathconfig_warnings = 0;
    config.use_frozen_modules = 1;
    config.optimization_level = 2; /* as the frozen modules are compiled; plugins are compiled without */
    config.use_hash_seed = 1;      /* the snapshot holds dictionaries: their order has to be the same in every build */
    config.hash_seed = 0;
    config.module_search_paths_set = 1; /* to nothing: there is no file system to search */
    PyConfig_SetString(&config, &config.program_name, L"holomush");
    PyConfig_SetString(&config, &config.executable, L"");
    PyConfig_SetString(&config, &config.base_executable, L"");
    PyConfig_SetString(&config, &config.home, L"/");
    PyConfig_SetString(&config, &config.prefix, L"/");
    PyConfig_SetString(&config, &config.exec_prefix, L"/");
    PyConfig_SetString(&config, &config.base_prefix, L"/");
    PyConfig_SetString(&config, &config.base_exec_prefix, L"/");
    PyConfig_SetString(&config, &config.stdlib_dir, L"/lib");
    status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        return status.err_msg;

    PyObject *module = PyImport_ImportModule("holomush_boot");
    if (!module) {
        PyErr_Print();
        return "holomush_boot could not be imported";
    }
    boot_load = PyObject_GetAttrString(module, "load");
    boot_call = PyObject_GetAttrString(module, "call");
    boot_describe = PyObject_GetAttrString(module, "describe");
    Py_DECREF(module);
    return boot_load && boot_call && boot_describe ? NULL : "holomush_boot lacks a function";
}

EXPORT("wizer-initialize") void wizer_initialize(void)
{
    const char *problem = boot();
    if (problem) {
        fprintf(stderr, "the interpreter did not start: %s\n", problem);
        __builtin_trap();
    }
    /* The linker puts the stack first, at address 0. What calls have left on it below this frame is of no use, but
     * would go into the snapshot as data, so it is wiped. */
    char here;
    for (volatile char *byte = (volatile char *)16; byte < (volatile char *)&here - 256; byte++)
        *byte = 0;
}

/* ---- The exports ----------------------------------------------------------------------------------------------- */

static void set_error(const char *text, size_t length) { kernel_error_set(store(text, length)); }

/* Describes the exception that is set, for `use` to keep or show. Never leaves an exception set. */
static void describe(void (*use)(const char *text, size_t length))
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) {
        static const char none[] = "SystemError: the call failed without an exception";
        use(none, sizeof none - 1);
        return;
    }
    int out_of_memory = PyErr_GivenExceptionMatches(type, PyExc_MemoryError);
    if (out_of_memory) {
        /* A plugin that has filled its memory leaves none to say so with, hence the reserve. */
        free(reserve);
        reserve = NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback)
        PyException_SetTraceback(value, traceback);

    PyObject *text = value ? PyObject_CallOneArg(boot_describe, value) : NULL;
    Py_ssize_t length = 0;
    const char *bytes = text ? PyUnicode_AsUTF8AndSize(text, &length) : NULL;
    if (bytes) {
        use(bytes, (size_t)length);
    } else {
        /* Describing it failed too: its type is still worth knowing, and costs no memory. */
        PyErr_Clear();
        const char *name = ((PyTypeObject *)type)->tp_name;
        use(name, strlen(name));
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PyErr_Clear();
    if (out_of_memory)
        reserve = malloc(RESERVE);
}

/* Turns the exception that is set into the call's error text. Always returns 1. */
static int32_t report(void)
{
    describe(set_error);
    return 1;
}

/* Answers with the str or bytes that a boot function returned; None leaves the output as the plugin has set it. */
static int32_t answer_with(PyObject *result)
{
    if (!result)
        return report();
    PyObject *done = result == Py_None ? Py_NewRef(Py_None) : py_output(NULL, result);
    Py_DECREF(result);
    if (!done)
        return report();
    Py_DECREF(done);
    return 0;
}

/* Keeps the input from `start` on as the bytes that _holomush.input() gives. */
static int take_input(uint64_t start)
{
    uint64_t length = kernel_input_length() - start;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    if (!bytes)
        return 0;
    load_input(start, PyBytes_AS_STRING(bytes), (size_t)length);
    Py_XSETREF(input, bytes);
    return 1;
}

static void go_live(void)
{
    live = 1;
    reserve = malloc(RESERVE);
}

static int32_t call_function(const char *name, size_t length)
{
    PyObject *function = PyUnicode_DecodeUTF8(name, (Py_ssize_t)length, "replace");
    if (!function)
        return report();
    PyObject *result = PyObject_CallOneArg(boot_call, function);
    Py_DECREF(function);
    return answer_with(result);
}

EXPORT("hm_load") int32_t hm_load(void)
{
    if (live)
        return fail_with("this instance already has a plugin");
    go_live();
    if (!take_input(0))
        return report();
    return answer_with(PyObject_CallNoArgs(boot_load));
}

EXPORT("hm_call") int32_t hm_call(void)
{
    if (!live)
        return fail_with("no plugin has been loaded: hm_load comes first");
    char name[256];
    uint64_t total = kernel_input_length();
    size_t available = total < sizeof name ? (size_t)total : sizeof name;
    /* Read in words until the one with the newline; the rest of the input is read once, by take_input. */
    size_t got = 0;
    char *newline = NULL;
    while (!newline && got < available) {
        size_t step = available - got < 8 ? available - got : 8;
        load_input(got, name + got, step);
        newline = memchr(name + got, '\n', step);
        got += step;
    }
    if (!newline)
        return fail_with("the input has to be a function's name, a newline and the function's input");
    if (!take_input((uint64_t)(newline - name) + 1))
        return report();
    return call_function(name, (size_t)(newline - name));
}

/* How much memory this instance has, in pages of 64 KiB, for the server's figures. */
EXPORT("hm_pages") int32_t hm_pages(void)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%zu", (size_t)__builtin_wasm_memory_size(0));
    kernel_output_set(store(text, (size_t)length), (uint64_t)length);
    return 0;
}

/* Why hm_serve has no plugin to call: what its source failed with. No text once it has been loaded. */
static const char *failure;
static size_t failure_length;

static void keep_failure(const char *text, size_t length)
{
    char *copy = malloc(length);
    if (!copy)
        return;
    memcpy(copy, text, length);
    failure = copy;
    failure_length = length;
}

static void load_own(const char *source, size_t length)
{
    static const char stopped[] = "the plugin was stopped while it was being loaded";
    failure = stopped; /* as long as nothing better is known: a trap comes back from nowhere */
    failure_length = sizeof stopped - 1;
    go_live();
    PyObject *bytes = PyBytes_FromStringAndSize(source, (Py_ssize_t)length);
    if (bytes)
        Py_XSETREF(input, bytes);
    PyObject *functions = bytes ? PyObject_CallNoArgs(boot_load) : NULL;
    if (functions)
        failure = NULL;
    else
        describe(keep_failure);
    Py_XDECREF(functions);
}

EXPORT("hm_serve")
int32_t hm_serve(const char *name, size_t name_length, const char *source, size_t source_length)
{
    if (!live)
        load_own(source, source_length);
    if (failure) {
        set_error(failure, failure_length);
        return 1;
    }
    if (!take_input(0))
        return report();
    return call_function(name, name_length);
}
