package io.lmcache.backend.cpu;

import io.lmcache.api.spi.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What stands for and against a host tier on a machine.
 *
 * @param capacityBytes what the tier is asked to have
 * @param totalBytes the memory of the machine, or what its container may use of it
 * @param freeBytes what of that is free now
 * @param hugePages the kernel's file that says when it uses huge pages
 */
record CpuDiagnosis(long capacityBytes, long totalBytes, long freeBytes, Path hugePages) {
    static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

    /** More than this of all memory leaves too little for the engine, the JVM and the page cache. */
    private static final double MOST_SHARE = 0.8;

    private static final double GIB = 1L << 30;

    List<Finding> findings() {
        return List.of(memory(), hugePageUse());
    }

    private Finding memory() {
        String text = String.format(
                Locale.ROOT,
                "the host tier grows to %.1f GiB; this machine or container has %.1f GiB, %.1f GiB of it free now",
                capacityBytes / GIB,
                totalBytes / GIB,
                freeBytes / GIB);
        return capacityBytes > totalBytes * MOST_SHARE
                ? Finding.note("memory", text, "lower max_local_cpu_size, unless nothing else is to run here")
                : Finding.ok("memory", text);
    }

    private Finding hugePageUse() {
        try {
            String modes = Files.readString(hugePages).strip();
            return modes.contains("[never]")
                    ? Finding.note(
                            "huge pages",
                            "the kernel gives none (" + modes + ")",
                            "as root: echo madvise > " + hugePages + ", for faster copies")
                    : Finding.ok("huge pages", "the kernel gives them where asked (" + modes + ")");
        } catch (IOException e) {
            return Finding.ok("huge pages", "unknown: " + hugePages + " cannot be read");
        }
    }
}
