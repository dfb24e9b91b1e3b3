package io.lmcache.backend.gds.kernel;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A device for tests: a GPU or an emulated one. */
public interface TestDevice extends AutoCloseable {
    KernelStream stream();

    /** Memory that starts at a multiple of 4096 and lives until the device is closed. */
    DeviceBuffer allocate(long bytes) throws IOException;

    @Override
    void close() throws IOException;

    default DeviceBuffer upload(byte[] bytes) throws IOException {
        DeviceBuffer buffer = allocate(bytes.length);
        write(buffer, bytes);
        return buffer;
    }

    default void write(DeviceBuffer buffer, byte[] bytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            stream().copyToDevice(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), buffer);
            stream().synchronize();
        }
    }

    default byte[] read(DeviceBuffer buffer) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(buffer.byteSize());
            stream().copyToHost(buffer, bytes);
            stream().synchronize();
            return bytes.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    static HostBuffer host(byte[] bytes) {
        return new HostBuffer(Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, bytes));
    }
}
