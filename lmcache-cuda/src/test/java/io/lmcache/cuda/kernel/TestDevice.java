package io.lmcache.cuda.kernel;

import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A device for tests: a GPU or an emulated one. */
public interface TestDevice extends AutoCloseable {
    KernelStream stream();

    /** Memory that starts at a multiple of 4096 and lives until the device is closed. */
    DeviceBuffer allocate(long bytes) throws IOException;

    /** Host memory as asynchronous copies want it; the caller closes it. */
    HostMemory hostMemory(long bytes) throws IOException;

    @Override
    void close() throws IOException;

    /** Host memory of the test. */
    interface HostMemory extends AutoCloseable {
        MemorySegment segment();

        @Override
        void close() throws IOException;
    }

    default DeviceBuffer upload(byte[] bytes) throws IOException {
        DeviceBuffer buffer = allocate(bytes.length);
        try (HostMemory memory = hostMemory(bytes.length)) {
            memory.segment().copyFrom(MemorySegment.ofArray(bytes));
            stream().copyToDevice(memory.segment(), buffer);
            stream().synchronize();
        }
        return buffer;
    }

    default byte[] read(DeviceBuffer buffer) throws IOException {
        try (HostMemory memory = hostMemory(buffer.byteSize())) {
            stream().copyToHost(buffer, memory.segment());
            stream().synchronize();
            return memory.segment().toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
