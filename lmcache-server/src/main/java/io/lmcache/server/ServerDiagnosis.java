package io.lmcache.server;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.spi.Finding;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What stands for and against a server of this machine, beside its tiers. Stateless. */
public final class ServerDiagnosis {
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");
    private static final long LITTLE_BYTES = ByteSize.GIB;

    private ServerDiagnosis() {}

    /** What it finds. */
    public static List<Finding> findings() {
        return List.of(sharedMemory());
    }

    /** Engines whose KV is in host memory share it there. */
    private static Finding sharedMemory() {
        try {
            FileStore store = Files.getFileStore(SHARED_MEMORY);
            return sharedMemory(store.getTotalSpace(), store.getUsableSpace());
        } catch (IOException e) {
            return Finding.note(
                    "shared memory",
                    SHARED_MEMORY + " cannot be used (" + e.getMessage()
                            + "), so engines whose KV is in host memory cannot share it",
                    "mount a tmpfs there");
        }
    }

    static Finding sharedMemory(long totalBytes, long freeBytes) {
        String text = String.format(
                Locale.ROOT,
                "%s has %.1f GiB, %.1f GiB of it free",
                SHARED_MEMORY,
                (double) totalBytes / ByteSize.GIB,
                (double) freeBytes / ByteSize.GIB);
        return totalBytes < LITTLE_BYTES
                ? Finding.note(
                        "shared memory",
                        text + ": little for engines whose KV is in host memory, all of which lies there",
                        "make it larger: of a container by --shm-size or --ipc=host, else by a mount with size=")
                : Finding.ok("shared memory", text + ", for engines whose KV is in host memory");
    }
}
