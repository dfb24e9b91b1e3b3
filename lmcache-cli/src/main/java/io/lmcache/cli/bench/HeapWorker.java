package io.lmcache.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;

/** The measuring process of {@link HeapBench}: fills a cache, and says what that took of its heap. Stateless. */
public final class HeapWorker {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int CHUNKS_PER_PROMPT = 1000;
    /** 256 MiB, so that the store needs no more. */
    private static final int REMOTE_CHUNKS = 8;

    private HeapWorker() {}

    /** What to measure. */
    enum Job {
        /** The peak of the heap while so many bytes go into the host tier and come back. */
        STORE_AND_RETRIEVE,
        /** The heap that so many chunks hold in the host tier. */
        INDEX_OF_HOST_TIER,
        /** The growth of the heap, at its peak, while so many bytes go to a store at a URL and come back. */
        STORE_AND_RETRIEVE_REMOTELY,
        /** The heap that so many chunks hold in the file tier. */
        INDEX_OF_FILE_TIER
    }

    /**
     * A job.
     *
     * @param amount bytes or chunks
     * @param place the directory where files may go, or the URL of the store
     */
    record Request(Job job, long amount, String place) {}

    /**
     * What was measured.
     *
     * @param amount bytes or chunks that were really cached
     * @param heapBytes what they took
     */
    record Answer(long amount, long heapBytes) {}

    /** Does one job. */
    public static void serve(InputStream in, PrintStream out) throws IOException {
        Request request = JSON.readValue(in, Request.class);
        Answer answer = switch (request.job()) {
            case STORE_AND_RETRIEVE -> storeAndRetrieve(request.amount());
            case STORE_AND_RETRIEVE_REMOTELY -> storeAndRetrieveRemotely(request.amount(), URI.create(request.place()));
            case INDEX_OF_HOST_TIER ->
                index(
                        "cpu",
                        Map.of("max_local_cpu_size", new ByteSize(request.amount() * Models.chunkBytes(Models.TINY))),
                        request.amount());
            case INDEX_OF_FILE_TIER ->
                // Staging for fewer chunks than the tier lets wait: the store waits, and none is declined.
                index(
                        "posix",
                        Map.of(
                                "gds_path",
                                Path.of(request.place(), "index"),
                                "staging_size",
                                new ByteSize(512 * Models.chunkBytes(Models.TINY))),
                        request.amount());
        };
        out.println(JSON.writeValueAsString(answer));
    }

    private static Answer storeAndRetrieve(long bytes) {
        int chunks = Math.toIntExact(bytes / Models.chunkBytes(Models.SMALL));
        int[] prompt = Models.prompt(1, chunks * Models.CHUNK_TOKENS);
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", new ByteSize(bytes)))
                .build()) {
            KvCache cache = stack.cache(Models.SMALL);
            cache.store(prompt, HeapWorker::write);
            int tokens = cache.retrieve(prompt, HeapWorker::check).tokens();
            return new Answer(Models.SMALL.layout().chunkBytes(tokens), peakHeap());
        }
    }

    private static Answer storeAndRetrieveRemotely(long bytes, URI url) {
        int[] prompt = Models.prompt(1, REMOTE_CHUNKS * Models.CHUNK_TOKENS);
        long moved = 0;
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier(RemoteBench.tier(url), RemoteBench.settings(url))
                .build()) {
            KvCache cache = stack.cache(Models.LARGE);
            long before = usedHeap();
            ManagementFactory.getMemoryPoolMXBeans().forEach(MemoryPoolMXBean::resetPeakUsage);
            while (moved < bytes) {
                cache.store(prompt, HeapWorker::write).published().join();
                int tokens = cache.retrieve(prompt, HeapWorker::check).tokens();
                moved += Models.LARGE.layout().chunkBytes(tokens);
                stack.clear();
                if (tokens < prompt.length) {
                    throw new IllegalStateException("The store at " + url + " has " + tokens + " of " + prompt.length
                            + " tokens; give it more memory");
                }
            }
            return new Answer(moved, peakHeap() - before);
        }
    }

    /** Words that tell their place in the chunk and their chunk in the prompt. */
    private static void write(TokenRange range, KvBuffer destination) {
        MemorySegment words = words(destination);
        for (long i = 0; i < words.byteSize() / Long.BYTES; i++) {
            words.setAtIndex(ValueLayout.JAVA_LONG, i, word(range, i));
        }
    }

    private static void check(TokenRange range, KvBuffer source) {
        MemorySegment words = words(source);
        for (long i = 0; i < words.byteSize() / Long.BYTES; i++) {
            if (words.getAtIndex(ValueLayout.JAVA_LONG, i) != word(range, i)) {
                throw new IllegalStateException("Tokens " + range + " came back changed at word " + i);
            }
        }
    }

    private static long word(TokenRange range, long i) {
        return ((long) range.start() << 32) + i;
    }

    private static MemorySegment words(KvBuffer buffer) {
        return switch (buffer) {
            case HostBuffer(MemorySegment segment) -> segment;
            default -> throw new IllegalStateException("The host tier lent " + buffer);
        };
    }

    /** The peaks of all parts of the heap together, garbage included: no less than the peak of the whole. */
    private static long peakHeap() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .map(MemoryPoolMXBean::getPeakUsage)
                .mapToLong(usage -> usage == null ? 0 : usage.getUsed())
                .sum();
    }

    private static Answer index(String tier, Map<String, ?> settings, long chunks) {
        try (LmcacheStack stack =
                LmcacheStack.builder().chunkSize(1).tier(tier, settings).build()) {
            // The first prompt loads classes and the like, which no chunk answers for.
            fill(stack, 0);
            long heapBefore = usedHeap();
            long chunksBefore = chunks(stack);
            for (int prompt = 1; prompt < chunks / CHUNKS_PER_PROMPT; prompt++) {
                fill(stack, prompt);
            }
            return new Answer(chunks(stack) - chunksBefore, usedHeap() - heapBefore);
        }
    }

    private static void fill(LmcacheStack stack, int prompt) {
        stack.cache(Models.TINY)
                .store(Models.prompt(prompt, CHUNKS_PER_PROMPT), (range, destination) -> {})
                .published()
                .join();
    }

    private static long chunks(LmcacheStack stack) {
        return stack.stats().tiers().values().stream()
                .mapToLong(BackendStats::chunks)
                .sum();
    }

    private static long usedHeap() {
        var memory = ManagementFactory.getMemoryMXBean();
        // A full collection: what is used afterwards is what is reachable.
        memory.gc();
        return memory.getHeapMemoryUsage().getUsed();
    }
}
