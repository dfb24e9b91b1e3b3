package io.lmcache.backend.gds;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.PageLock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** What the machine does without a cache in between: the rates that those of the cache are held against. */
final class Ceilings {
    static final int THREADS = 16;
    static final long SLICE = 4L << 20;
    static final String TO_GPU = "ceiling: page-locked to GPU";
    static final String TO_HOST = "ceiling: GPU to page-locked";
    static final String PAGE_CACHE = "ceiling: page cache to page-locked";
    static final String MMAP = "mmap and pageable copy";

    private final CudaDevice device;

    Ceilings(CudaDevice device) {
        this.device = device;
    }

    /** Copies so many bytes each way. */
    void measureCopies(Measurements rates, long bytes) throws Exception {
        try (HostRegion region = new HostRegion(THREADS * SLICE);
                PageLock _ = device.pageLock(region.segment());
                DeviceMemory memory = device.allocate(THREADS * SLICE)) {
            // Once untimed: the first touch of memory and code is nobody's rate.
            device.copyToDevice(region.segment(), memory.buffer());
            rates.note(TO_GPU, bytes, () -> copyThere(region.segment(), memory.buffer(), bytes));
            rates.note(TO_HOST, bytes, () -> copyBack(memory.buffer(), region.segment(), bytes));
        }
    }

    /** Reads the files, together so many bytes, by themselves and as a cache without page locks brings them to the GPU. */
    void measureFiles(Measurements rates, long bytes, List<Path> files) throws Exception {
        try (HostRegion region = new HostRegion(THREADS * SLICE);
                PageLock _ = device.pageLock(region.segment());
                DeviceMemory memory = device.allocate(THREADS * SLICE)) {
            rates.note(
                    PAGE_CACHE,
                    bytes,
                    () -> inThreads(device, files, (file, slice) -> {
                        read(file, region.segment().asSlice(slice * SLICE, SLICE));
                    }));
            rates.note(
                    MMAP,
                    bytes,
                    () -> inThreads(device, files, (file, slice) -> {
                        copyMapped(file, memory.buffer().slice(slice * SLICE, SLICE));
                    }));
        }
    }

    /** The smaller of the ceilings of a read from the page cache to the GPU. */
    static double smaller(Measurements rates) {
        return Math.min(rates.median(TO_GPU), rates.median(PAGE_CACHE));
    }

    private void copyThere(MemorySegment host, DeviceBuffer target, long bytes) throws IOException {
        for (long moved = 0; moved < bytes; moved += host.byteSize()) {
            device.copyToDevice(host, target);
        }
    }

    private void copyBack(DeviceBuffer source, MemorySegment host, long bytes) throws IOException {
        for (long moved = 0; moved < bytes; moved += host.byteSize()) {
            device.copyToHost(source, host);
        }
    }

    private static void read(Path file, MemorySegment slice) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (long offset = 0; offset < channel.size(); offset += slice.byteSize()) {
                channel.read(slice.asByteBuffer(), offset);
            }
        }
    }

    private void copyMapped(Path file, DeviceBuffer slice) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
                Arena arena = Arena.ofShared()) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            for (long offset = 0; offset < mapped.byteSize(); offset += slice.byteSize()) {
                long length = Math.min(slice.byteSize(), mapped.byteSize() - offset);
                device.copyToDevice(mapped.asSlice(offset, length), slice.slice(0, length));
            }
        }
    }

    /** What a thread does with a file. */
    interface FileWork {
        /**
         * Does it.
         *
         * @param slice the number of the thread
         */
        void on(Path file, int slice) throws IOException;
    }

    /** Does it with all files, in {@link #THREADS} threads on which the device's context is current. */
    static void inThreads(CudaDevice device, List<Path> files, FileWork work) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<?>> done = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                int slice = thread;
                done.add(threads.submit(() -> {
                    device.makeCurrent();
                    for (int file = slice; file < files.size(); file += THREADS) {
                        work.on(files.get(file), slice);
                    }
                    return null;
                }));
            }
            for (Future<?> thread : done) {
                thread.get(1, TimeUnit.MINUTES);
            }
        }
    }
}
