/* As much of the CUDA driver as the package asks of it, on the memory of the host: one GPU of
   GPU_BYTES, none with NO_GPU, errors where a real one gives them, and a count of what is held. */

#include <stdlib.h>
#include <string.h>

enum { DONE, INVALID_VALUE, OUT_OF_MEMORY, NO_DEVICE = 100, INVALID_CONTEXT = 201, LOST = 719 };
enum { CONTEXT = 0xC0, DEEPEST = 16, MULTIPROCESSORS = 16 };

typedef int Result;
typedef void *Handle;

/* Before the memory itself: how much it is. */
typedef struct { size_t size; char padding[64 - sizeof(size_t)]; } Header;

static _Thread_local int depth;
static int primary, streams, pinned, lost;
static size_t allocated;

/* For tests: primary contexts, streams and pinned buffers; bytes; whether the GPU is gone, and
   whether the thread has a context. */
int driver_held(void) { return primary + streams + pinned; }
size_t driver_bytes(void) { return allocated; }
void driver_lose(int gone) { lost = gone; }
int driver_current(void) { return depth > 0; }

static Result current(void) {
    return depth == 0 || primary == 0 ? INVALID_CONTEXT : lost ? LOST : DONE;
}

static size_t most(void) {
    const char *given = getenv("GPU_BYTES");
    return given ? strtoull(given, NULL, 10) : (size_t)1 << 30;
}

Result cuInit(unsigned flags) { return flags ? INVALID_VALUE : getenv("NO_GPU") ? NO_DEVICE : DONE; }
Result cuDriverGetVersion(int *version) { *version = 13000; return DONE; }
Result cuDeviceGetCount(int *count) { *count = 1; return DONE; }
Result cuDeviceGet(int *device, int index) { *device = index; return index ? NO_DEVICE : DONE; }
Result cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, "Pretended GPU", size);
    return device ? INVALID_VALUE : DONE;
}
Result cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = MULTIPROCESSORS;
    return device || attribute < 0 ? INVALID_VALUE : DONE;
}
Result cuDeviceComputeCapability(int *major, int *minor, int device) {
    *major = 8, *minor = 7;
    return device ? INVALID_VALUE : DONE;
}

Result cuDevicePrimaryCtxRetain(Handle *context, int device) {
    primary++;
    *context = (Handle)CONTEXT;
    return device ? INVALID_VALUE : DONE;
}
Result cuDevicePrimaryCtxRelease_v2(int device) {
    if (device || primary == 0) return INVALID_CONTEXT;
    primary--;
    return DONE;
}
Result cuDevicePrimaryCtxRelease(int device) { return cuDevicePrimaryCtxRelease_v2(device); }
Result cuCtxPushCurrent_v2(Handle context) {
    if (context != (Handle)CONTEXT || depth == DEEPEST) return INVALID_CONTEXT;
    depth++;
    return DONE;
}
Result cuCtxPopCurrent_v2(Handle *context) {
    *context = (Handle)CONTEXT;
    if (depth == 0) return INVALID_CONTEXT;
    depth--;
    return DONE;
}
Result cuCtxGetDevice(int *device) { *device = 0; return current(); }

Result cuStreamCreate(Handle *stream, unsigned flags) {
    if (current()) return current();
    if (flags > 1) return INVALID_VALUE;
    streams++;
    *stream = malloc(1);
    return DONE;
}
Result cuStreamDestroy_v2(Handle stream) {
    if (current()) return current();
    streams--;
    free(stream);
    return DONE;
}
Result cuStreamSynchronize(Handle stream) { return stream ? current() : INVALID_VALUE; }

Result cuMemAlloc_v2(unsigned long long *pointer, size_t size) {
    if (current()) return current();
    if (size == 0) return INVALID_VALUE;
    if (allocated + size > most()) return OUT_OF_MEMORY;
    Header *header = malloc(sizeof(Header) + size);
    header->size = size;
    allocated += size;
    *pointer = (unsigned long long)(header + 1);
    return DONE;
}
Result cuMemFree_v2(unsigned long long pointer) {
    if (current()) return current();
    Header *header = (Header *)pointer - 1;
    allocated -= header->size;
    free(header);
    return DONE;
}
Result cuMemHostAlloc(Handle *pointer, size_t size, unsigned flags) {
    if (current()) return current();
    if (flags) return INVALID_VALUE;
    pinned++;
    *pointer = malloc(size);
    return DONE;
}
Result cuMemAllocHost_v2(Handle *pointer, size_t size) { return cuMemHostAlloc(pointer, size, 0); }
Result cuMemFreeHost(Handle pointer) {
    if (current()) return current();
    pinned--;
    free(pointer);
    return DONE;
}

static Result copy(void *into, const void *source, size_t size, Handle stream) {
    if (current()) return current();
    if (!stream) return INVALID_VALUE;
    memcpy(into, source, size);
    return DONE;
}
Result cuMemcpyHtoDAsync_v2(unsigned long long into, const void *source, size_t size, Handle stream) {
    return copy((void *)into, source, size, stream);
}
Result cuMemcpyDtoHAsync_v2(void *into, unsigned long long source, size_t size, Handle stream) {
    return copy(into, (const void *)source, size, stream);
}
Result cuGetErrorString(Result error, const char **text) {
    *text = "invalid";
    if (error == OUT_OF_MEMORY) *text = "out of memory";
    if (error == NO_DEVICE) *text = "no CUDA-capable device is detected";
    if (error == LOST) *text = "unspecified launch failure";
    return DONE;
}
Result cuGetErrorName(Result error, const char **text) { return cuGetErrorString(error, text); }
