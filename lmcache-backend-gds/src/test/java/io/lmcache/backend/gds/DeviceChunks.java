package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaException;
import io.lmcache.testkit.TestChunks;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The content of test chunks in device memory. */
final class DeviceChunks {
    private DeviceChunks() {}

    static void fill(ChunkKey key, DeviceBuffer buffer) {
        try (Arena arena = Arena.ofConfined();
                CudaDevice device = CudaDevice.open(buffer.ordinal())) {
            MemorySegment content = arena.allocate(buffer.byteSize());
            TestChunks.fill(key, content);
            device.copyToDevice(content, buffer);
        } catch (CudaException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void requireIntact(ChunkKey key, DeviceBuffer buffer) {
        try (Arena arena = Arena.ofConfined();
                CudaDevice device = CudaDevice.open(buffer.ordinal())) {
            MemorySegment content = arena.allocate(buffer.byteSize());
            device.copyToHost(buffer, content);
            TestChunks.requireIntact(key, content);
        } catch (CudaException e) {
            throw new UncheckedIOException(e);
        }
    }
}
