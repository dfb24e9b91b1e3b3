package io.lmcache.backend.posix;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.diagnosis.Amounts;
import io.lmcache.chunkfiles.diagnosis.BudgetCheck;
import io.lmcache.chunkfiles.diagnosis.LeftoverCheck;
import io.lmcache.chunkfiles.diagnosis.LockCheck;
import io.lmcache.chunkfiles.diagnosis.MountPoint;
import io.lmcache.chunkfiles.diagnosis.Reason;
import io.lmcache.chunkfiles.diagnosis.StorageTrial;
import io.lmcache.chunkfiles.diagnosis.TrialDirectory;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.chunkfiles.io.DirectIo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What stands for and against chunks in files: each directory's place, and a trial of it through a backend in a directory
 * of its own. For one thread.
 */
final class PosixDiagnosis {
    private static final Duration BUDGET_TIME = Duration.ofSeconds(5);
    private static final String REMEDY = "check the file system and its drive, or name another path";

    private final FileTierSettings settings;
    private final BackendContext context;
    private final List<Finding> findings = new ArrayList<>();

    private PosixDiagnosis(FileTierSettings settings, BackendContext context) {
        this.settings = settings;
        this.context = context;
    }

    static List<Finding> of(FileTierSettings settings, BackendContext context) {
        PosixDiagnosis diagnosis = new PosixDiagnosis(settings, context);
        settings.directory().paths().forEach(diagnosis::examine);
        return diagnosis.findings;
    }

    private void examine(Path path) {
        Path nearest = TrialDirectory.nearestTo(path);
        if (!Files.isDirectory(nearest)) {
            findings.add(Finding.problem("directory", nearest + " is not a directory", "name another path"));
            return;
        }
        try {
            examinePlace(path, nearest);
            if (Files.isDirectory(path)) {
                findings.add(BudgetCheck.of(path, maxBytesOfEach(), BUDGET_TIME));
                findings.add(LeftoverCheck.of(path));
            }
        } catch (IOException e) {
            findings.add(Finding.problem(
                    "directory",
                    path + " cannot be used: " + Reason.of(e),
                    "name a path where this user may create files and lock them"));
        }
    }

    /** The share of one of several directories. */
    private long maxBytesOfEach() {
        DirectorySettings directory = settings.directory();
        return directory.maxBytes() / Math.max(1, directory.paths().size());
    }

    private void examinePlace(Path path, Path nearest) throws IOException {
        Optional<MountPoint> mount = MountPoint.under(nearest, MountPoint.MOUNT_TABLE);
        mount.map(found -> fileSystem(path, found)).ifPresent(findings::add);
        Optional<String> refusal;
        Finding locks;
        try (TrialDirectory directory = TrialDirectory.in(nearest)) {
            refusal = DirectIo.probe(directory.path());
            locks = LockCheck.of(path, mount, directory);
        }
        findings.add(Finding.ok(
                "directory",
                path + (Files.exists(path) ? " is there and writable" : " will be created in " + nearest)));
        findings.add(locks);
        if (freeSpace(nearest)) {
            trial("page cache", path, nearest, false);
            if (refusal.isEmpty()) {
                trial("O_DIRECT", path, nearest, true);
            }
        }
        refusal.map(reason -> noDirectIo(path, reason)).ifPresent(findings::add);
    }

    static Finding fileSystem(Path path, MountPoint mount) {
        String text = path + ": " + mount.describe();
        return switch (mount.type()) {
            case "tmpfs", "ramfs" ->
                Finding.note(
                        "file system",
                        text + "; that is memory, so chunks are gone after a restart",
                        "name a directory on a disk, if chunks are to last");
            case "overlay" ->
                Finding.note(
                        "file system",
                        text + "; that is the layer of a container, so chunks are gone with it",
                        "mount a volume of the host, and name a directory there");
            case "nfs", "nfs4" ->
                mount.options().contains("lookupcache=")
                        ? Finding.ok("file system", text)
                        : Finding.note(
                                "file system",
                                text
                                        + "; its client may go on for a minute to say that a chunk is not there after another"
                                        + " machine has stored it",
                                "mount it with lookupcache=positive");
            default -> Finding.ok("file system", text);
        };
    }

    /** Whether there is room for trials. */
    private boolean freeSpace(Path nearest) throws IOException {
        FileStore store = Files.getFileStore(nearest);
        long usable = store.getUsableSpace();
        String text = Amounts.bytes(usable) + " of " + Amounts.bytes(store.getTotalSpace()) + " at " + nearest;
        boolean hasRoom = TrialDirectory.hasRoomIn(nearest);
        findings.add(
                hasRoom
                        ? Finding.ok("free space", text)
                        : Finding.note(
                                "free space",
                                text + ": too little to try out reads and writes",
                                "make room, or see that older chunks there may be evicted"));
        return hasRoom;
    }

    private Finding noDirectIo(Path path, String refusal) {
        String text = path + " does not take it (" + refusal + "); the page cache is used";
        return settings.useDirectIo()
                ? Finding.note("O_DIRECT", text, "set use_direct_io to false, or name a directory that takes it")
                : Finding.ok("O_DIRECT", text);
    }

    private void trial(String topic, Path path, Path nearest, boolean useDirectIo) {
        try (TrialDirectory directory = TrialDirectory.in(nearest);
                StorageBackend backend = PosixBackendProvider.open(
                        settings.forTrialIn(directory.path(), useDirectIo), new NativeChunkFormat(), context)) {
            findings.add(Finding.ok(topic, path + ": " + StorageTrial.run(backend, new HostMemory())));
        } catch (LmcacheException e) {
            findings.add(Finding.problem(topic, path + ": " + Reason.of(e), REMEDY));
        } catch (IOException e) {
            findings.add(Finding.failure(topic, path + ": " + Reason.of(e), REMEDY));
        }
    }

    private static final class HostMemory implements StorageTrial.Memory {
        @Override
        public void copyIn(MemorySegment source, KvBuffer target) {
            ((HostBuffer) target).segment().copyFrom(source);
        }

        @Override
        public void copyOut(KvBuffer source, MemorySegment target) {
            target.copyFrom(((HostBuffer) source).segment());
        }
    }
}
