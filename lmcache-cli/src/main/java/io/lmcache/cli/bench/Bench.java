package io.lmcache.cli.bench;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.cli.process.TemporaryDirectory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The benchmark: every measurement, one after another. For one run by one thread. */
public final class Bench {
    private final Scale scale;
    private final List<String> childJvm;
    private final Consumer<String> progress;
    private final Contest contest = new Contest(System::nanoTime);
    private final List<Row> rows = new ArrayList<>();

    /**
     * A benchmark.
     *
     * @param quick whether to do only as much as shows that it works
     * @param childJvm the main class and the arguments of a program that calls {@link HeapWorker#serve}
     * @param progress hears what is measured next
     */
    public Bench(boolean quick, List<String> childJvm, Consumer<String> progress) {
        this.scale = quick ? Scale.QUICK : Scale.FULL;
        this.childJvm = List.copyOf(childJvm);
        this.progress = progress;
    }

    /**
     * Runs it.
     *
     * @param parent where the files go, in a directory that is deleted afterwards
     */
    public Report run(Path parent) throws IOException {
        double loadBefore = system().getSystemLoadAverage();
        try (TemporaryDirectory directory = new TemporaryDirectory(parent)) {
            progress.accept("hashing and lookup");
            rows.addAll(new PromptBench(scale, contest).measure());
            progress.accept("host tier");
            rows.addAll(new HostTierBench(scale, contest).measure());
            progress.accept("metrics");
            rows.addAll(new MetricsBench(scale, contest).measure());
            progress.accept("file tier");
            rows.addAll(new FileTierBench(scale, contest, directory.path()).measure());
            progress.accept("heap");
            rows.addAll(new HeapBench(scale, childJvm, directory.path()).measure());
        }
        return new Report(machine(), loadBefore, rows);
    }

    /** Runs what concerns the store at that URL. */
    public Report runRemote(URI url) throws IOException {
        double loadBefore = system().getSystemLoadAverage();
        progress.accept("the store at " + url);
        try (RemoteBench bench = new RemoteBench(scale, contest, url)) {
            rows.addAll(bench.measure());
        }
        progress.accept("heap");
        rows.add(new HeapBench(scale, childJvm, Path.of("")).remote(url));
        return new Report(machine(), loadBefore, rows);
    }

    private static String machine() {
        return system().getAvailableProcessors() + " processors (" + system().getArch() + "), "
                + (system().getTotalMemorySize() >> 30) + " GiB, " + system().getName() + " "
                + system().getVersion() + ", Java " + Runtime.version();
    }

    private static OperatingSystemMXBean system() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    }
}
