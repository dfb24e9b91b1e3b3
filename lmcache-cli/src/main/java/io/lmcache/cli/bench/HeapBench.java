package io.lmcache.cli.bench;

import io.lmcache.cli.bench.HeapWorker.Answer;
import io.lmcache.cli.bench.HeapWorker.Job;
import io.lmcache.cli.bench.HeapWorker.Request;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.cli.process.ChildJvm;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;

/** What the cache takes of the Java heap, in JVMs of their own, whose heap has a size of its own. */
final class HeapBench {
    private static final int SMALL_HEAP_MIB = 128;
    private static final int REMOTE_HEAP_MIB = 64;
    private static final String AMPLE_HEAP = "-Xmx2g";
    private static final double BYTES_PER_CHUNK = 400;
    private static final double MIB = 1 << 20;

    private final Scale scale;
    private final List<String> childJvm;
    private final Path directory;

    HeapBench(Scale scale, List<String> childJvm, Path directory) {
        this.scale = scale;
        this.childJvm = childJvm;
        this.directory = directory;
    }

    List<Row> measure() {
        return List.of(
                smallHeap(),
                index(Job.INDEX_OF_HOST_TIER, "host tier", scale.hostIndexChunks()),
                index(Job.INDEX_OF_FILE_TIER, "file tier", scale.fileIndexChunks()));
    }

    private Row smallHeap() {
        Answer answer = ask("-Xmx" + SMALL_HEAP_MIB + "m", Job.STORE_AND_RETRIEVE, scale.cachedBytes());
        return new Row(
                String.format(
                        "heap at its peak, %.2f GiB stored and retrieved with -Xmx%dm",
                        answer.amount() / MIB / 1024, SMALL_HEAP_MIB),
                "MiB",
                answer.heapBytes() / MIB,
                SMALL_HEAP_MIB,
                new Target.RatioAtMost(1));
    }

    /** The growth of a small heap while bytes go to the store at that URL and come back. */
    Row remote(URI url) {
        Answer answer = new ChildJvm(
                        "A measuring process of the benchmark", List.of("-Xmx" + SMALL_HEAP_MIB + "m"), childJvm)
                .ask(new Request(Job.STORE_AND_RETRIEVE_REMOTELY, scale.cachedBytes(), url.toString()), Answer.class);
        return new Row(
                String.format(
                        "heap growth at its peak, %.2f GiB sent and fetched with -Xmx%dm",
                        answer.amount() / MIB / 1024, SMALL_HEAP_MIB),
                "MiB",
                answer.heapBytes() / MIB,
                REMOTE_HEAP_MIB,
                new Target.RatioAtMost(1));
    }

    private Row index(Job job, String tier, int chunks) {
        Answer answer = ask(AMPLE_HEAP, job, chunks);
        return new Row(
                String.format("heap a chunk, %s with %d chunks", tier, answer.amount()),
                "bytes",
                (double) answer.heapBytes() / answer.amount(),
                BYTES_PER_CHUNK,
                new Target.RatioAtMost(1));
    }

    private Answer ask(String maximumHeap, Job job, long amount) {
        return new ChildJvm("A measuring process of the benchmark", List.of(maximumHeap), childJvm)
                .ask(new Request(job, amount, directory.toString()), Answer.class);
    }
}
