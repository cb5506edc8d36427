// Modern C++ over the same calls: an owner of a range, an allocator of the standard library over it, a clock, errors as
// exceptions. The standard library's headers come after ours on purpose.
#include <Windows.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <vector>

class Win32Error : public std::runtime_error {
public:
    explicit Win32Error(const char *what) : Win32Error(what, ::GetLastError()) {}
    Win32Error(const char *what, DWORD code) : std::runtime_error(what + Message(code)), m_code(code) {}
    DWORD Code() const noexcept { return m_code; }

private:
    static std::string Message(DWORD code)
    {
        LPSTR text = nullptr;
        DWORD const length = ::FormatMessageA(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM, nullptr, code, 0,
            reinterpret_cast<LPSTR>(&text), 0, nullptr);
        std::string message(": ");
        message.append(text == nullptr ? "" : text, length);
        ::LocalFree(text);
        return message;
    }
    DWORD m_code;
};

struct VirtualDeleter {
    void operator()(void *p) const noexcept { ::VirtualFree(p, 0, MEM_RELEASE); }
};
using VirtualPtr = std::unique_ptr<void, VirtualDeleter>;

class Arena {
public:
    explicit Arena(SIZE_T size) : m_base(::VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_READWRITE)), m_size(size)
    {
        if (!m_base) {
            throw Win32Error("VirtualAlloc");
        }
    }
    void *Take(SIZE_T bytes)
    {
        SIZE_T const at = m_used;
        SIZE_T const end = std::min<SIZE_T>(m_size, at + ((bytes + 15) & ~SIZE_T(15)));
        if (at + bytes > m_size || !::VirtualAlloc(static_cast<BYTE *>(m_base.get()) + at, end - at, MEM_COMMIT, PAGE_READWRITE)) {
            throw std::bad_alloc();
        }
        m_used = end;
        return static_cast<BYTE *>(m_base.get()) + at;
    }
    SIZE_T Used() const noexcept { return m_used; }

private:
    VirtualPtr m_base;
    SIZE_T m_size;
    SIZE_T m_used = 0;
};

template <class T> struct ArenaAllocator {
    using value_type = T;
    Arena *arena;
    explicit ArenaAllocator(Arena *of) noexcept : arena(of) {}
    template <class U> ArenaAllocator(const ArenaAllocator<U> &other) noexcept : arena(other.arena) {}
    T *allocate(std::size_t count) { return static_cast<T *>(arena->Take(count * sizeof(T))); }
    void deallocate(T *, std::size_t) noexcept {}
    template <class U> bool operator==(const ArenaAllocator<U> &other) const noexcept { return arena == other.arena; }
    template <class U> bool operator!=(const ArenaAllocator<U> &other) const noexcept { return arena != other.arena; }
};

static ULONGLONG Ticks()
{
    LARGE_INTEGER now, frequency;
    if (!::QueryPerformanceCounter(&now) || !::QueryPerformanceFrequency(&frequency)) {
        throw Win32Error("QueryPerformanceCounter");
    }
    return static_cast<ULONGLONG>(now.QuadPart) * 1000 / static_cast<ULONGLONG>(frequency.QuadPart);
}

static bool SleepTakesTime()
{
    ULONGLONG const before = Ticks(), tick = ::GetTickCount64();
    ::Sleep(30);
    return Ticks() - before >= 25 && ::GetTickCount64() - tick >= 10;
}

static bool ErrorsAreThrown()
{
    try {
        Arena tooMuch(~SIZE_T(0) / 2);
    } catch (const Win32Error &error) {
        std::printf("%s\n", error.what());
        return error.Code() != ERROR_SUCCESS && std::string(error.what()).size() > 20;
    }
    return false;
}

static bool VectorsLiveInArenas()
{
    Arena arena(16 << 20);
    std::vector<DWORD, ArenaAllocator<DWORD>> numbers{ArenaAllocator<DWORD>(&arena)};
    for (DWORD i = 0; i < 100000; i++) {
        numbers.push_back(i);
    }
    MEMORY_BASIC_INFORMATION mbi;
    return std::accumulate(numbers.begin(), numbers.end(), 0ULL) == 4999950000ULL && arena.Used() < (16u << 20) &&
        ::VirtualQuery(numbers.data(), &mbi, sizeof mbi) == sizeof mbi && mbi.State == MEM_COMMIT && mbi.Type == MEM_PRIVATE;
}

static bool MemoryIsKnown()
{
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof(status);
    return ::GlobalMemoryStatusEx(&status) && std::max<DWORDLONG>(status.ullAvailPhys, 1) <= status.ullTotalPhys && status.dwMemoryLoad <= 100;
}

static bool HeapsAreApart()
{
    HANDLE const heap = ::HeapCreate(0, 0, 0);
    auto *const text = static_cast<char *>(::HeapAlloc(heap, HEAP_ZERO_MEMORY, 100));
    bool const good = text != nullptr && text[99] == 0 && ::HeapSize(heap, 0, text) == 100 && ::HeapValidate(heap, 0, text);
    return good && ::HeapFree(heap, 0, text) && ::HeapDestroy(heap);
}

int main()
{
    struct { const char *name; bool (*test)(); } const tests[] = {
        {"Sleep takes time", SleepTakesTime}, {"errors are thrown", ErrorsAreThrown}, {"vectors live in arenas", VectorsLiveInArenas},
        {"memory is known", MemoryIsKnown}, {"heaps are apart", HeapsAreApart},
    };
    for (auto const &each : tests) {
        if (!each.test()) {
            std::fprintf(stderr, "not so: %s\n", each.name);
            return 1;
        }
    }
    return 0;
}
