package io.lmcache.cuda.paged;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.PageLock;
import io.lmcache.cuda.Pointers;
import io.lmcache.cuda.kernel.DeviceCrc32c;
import io.lmcache.cuda.kernel.GpuDevice;
import io.lmcache.cuda.paged.CacheShape.Dimensions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import jcuda.driver.JCudaDriver;

/**
 * Rates of gather, scatter and CRC-32C, each next to the ceiling measured in the same run: {@code java
 * --enable-native-access=ALL-UNNAMED -cp CLASS_PATH io.lmcache.cuda.paged.KernelBenchmark}. Rates count the bytes
 * of the chunks once.
 */
final class KernelBenchmark {
    private static final int TOKENS = 256;
    private static final int BLOCK_SIZE = 16;
    private static final int ROUNDS = 20;
    private static final int TRIES = 5;
    private static final long MIB = 1 << 20;

    private final GpuDevice gpu;
    private final double transferRate;

    private KernelBenchmark(GpuDevice gpu) throws IOException {
        this.gpu = gpu;
        this.transferRate = transferRate();
    }

    static void main() throws IOException {
        try (GpuDevice gpu = GpuDevice.open()) {
            KernelBenchmark benchmark = new KernelBenchmark(gpu);
            System.out.printf(
                    "%s, page-locked memory to GPU %.1f GB/s%n", gpu.device().name(), benchmark.transferRate);
        }
        Dimensions llama = new Dimensions(KvDtype.BFLOAT16, 32, 64 * TOKENS / BLOCK_SIZE, BLOCK_SIZE, 8, 128);
        Dimensions small = new Dimensions(KvDtype.BFLOAT16, 12, 512 * TOKENS / BLOCK_SIZE, BLOCK_SIZE, 1, 128);
        Dimensions latent = new Dimensions(KvDtype.BFLOAT16, 61, 64 * TOKENS / BLOCK_SIZE, BLOCK_SIZE, 1, 576);
        for (CacheShape shape : EnumSet.complementOf(EnumSet.of(CacheShape.LATENT))) {
            run("Llama-3.1-8B", shape, llama, 64);
            run("small chunks", shape, small, 512);
        }
        run("DeepSeek", CacheShape.LATENT, latent, 64);
    }

    /** Several GiB each, given back before the next. */
    private static void run(String model, CacheShape shape, Dimensions dimensions, int chunks) throws IOException {
        try (GpuDevice gpu = GpuDevice.open()) {
            new KernelBenchmark(gpu).measure(model, shape, dimensions, chunks);
        }
    }

    private double transferRate() throws IOException {
        try (HostRegion region = new HostRegion(256 * MIB);
                PageLock _ = gpu.device().pageLock(region.segment())) {
            DeviceBuffer target = gpu.allocate(256 * MIB);
            return rate(256 * MIB, () -> gpu.stream().copyToDevice(region.segment(), target));
        }
    }

    private void measure(String model, CacheShape shape, Dimensions dimensions, int count) throws IOException {
        KvLayout layout = dimensions.layout(shape);
        long chunkBytes = layout.chunkBytes(TOKENS);
        DeviceBuffer all = gpu.allocate(chunkBytes * count);
        List<ChunkBuffer> chunks = chunks(all, chunkBytes, count);
        long[] layers = layers(layout, chunkBytes * count);
        PagedKvCache cache = shape.describe(dimensions, 0, layers);
        SlabAllocator tables = new SlabAllocator("tables", gpu.allocate(4 * MIB), _ -> {});
        try (PagedKv paged = PagedKv.tryOpen(cache, shuffledBlocks(dimensions.blocks()), gpu.stream(), tables, 0)
                .orElseThrow()) {
            double copy = copyRate(all, layers, chunkBytes * count / layout.layers());
            double gather = rate(all.byteSize(), () -> paged.gather(chunks));
            double scatter = rate(all.byteSize(), () -> paged.scatter(chunks));
            System.out.printf(
                    "%-14s %-18s %4d x %6.2f MiB: copy %6.0f GB/s, gather %6.0f (%.2f), scatter %6.0f (%.2f)%n",
                    model,
                    shape,
                    count,
                    chunkBytes / (double) MIB,
                    copy,
                    gather,
                    gather / copy,
                    scatter,
                    scatter / copy);
        }
        tables.close();
        measureCrc(chunks.stream().map(ChunkBuffer::buffer).toList(), chunkBytes);
    }

    private void measureCrc(List<DeviceBuffer> chunks, long chunkBytes) throws IOException {
        DeviceCrc32c crc = new DeviceCrc32c(gpu.stream(), gpu.allocate(DeviceCrc32c.SCRATCH_BYTES));
        double together = rate(chunkBytes * chunks.size(), () -> crc.compute(chunks));
        double alone = rate(chunkBytes, () -> crc.compute(chunks.subList(0, 1)));
        System.out.printf(
                "%34s CRC-32C of all %6.0f GB/s (%.1f %% of the transfer), of one chunk alone %6.0f GB/s%n",
                "", together, 100 * transferRate / together, alone);
    }

    private static List<ChunkBuffer> chunks(DeviceBuffer all, long chunkBytes, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> new ChunkBuffer(
                        new TokenRange(i * TOKENS, (i + 1) * TOKENS), all.slice(i * chunkBytes, chunkBytes)))
                .toList();
    }

    private long[] layers(KvLayout layout, long bytes) throws IOException {
        long[] addresses = new long[layout.layers()];
        for (int layer = 0; layer < addresses.length; layer++) {
            addresses[layer] = gpu.allocate(bytes / layout.layers()).address();
        }
        return addresses;
    }

    private static BlockTable shuffledBlocks(int blocks) {
        List<Integer> ids = new ArrayList<>(IntStream.range(0, blocks).boxed().toList());
        Collections.shuffle(ids, new Random(1));
        return BlockTable.of(ids.stream().mapToInt(id -> id).toArray());
    }

    /** Device to device copies of the same bytes, a layer at a time. */
    private double copyRate(DeviceBuffer all, long[] layers, long layerBytes) throws IOException {
        return rate(
                all.byteSize(),
                () -> gpu.device().<CudaException>withContext(() -> {
                    for (int layer = 0; layer < layers.length; layer++) {
                        DeviceBuffer target = all.slice(layer * layerBytes, layerBytes);
                        DeviceBuffer source = new DeviceBuffer(layers[layer], layerBytes, 0);
                        check(
                                "cuMemcpyDtoDAsync",
                                JCudaDriver.cuMemcpyDtoDAsync(
                                        Pointers.of(target),
                                        Pointers.of(source),
                                        layerBytes,
                                        gpu.cudaStream().handle()));
                    }
                }));
    }

    @FunctionalInterface
    private interface Work {
        void queue() throws IOException;
    }

    /** GB/s: the median of several tries of several rounds each. */
    private double rate(long bytes, Work work) throws IOException {
        work.queue();
        gpu.stream().synchronize();
        double[] rates = new double[TRIES];
        for (int i = 0; i < TRIES; i++) {
            long start = System.nanoTime();
            for (int round = 0; round < ROUNDS; round++) {
                work.queue();
            }
            gpu.stream().synchronize();
            rates[i] = (double) bytes * ROUNDS / (System.nanoTime() - start);
        }
        Arrays.sort(rates);
        return rates[TRIES / 2];
    }
}
