package io.lmcache.backend.gds;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.gds.cufile.DirectTarget;
import io.lmcache.backend.gds.diagnosis.DriverCheck;
import io.lmcache.backend.gds.diagnosis.Machine;
import io.lmcache.backend.gds.diagnosis.UdevCheck;
import io.lmcache.backend.gds.io.IoPath;
import io.lmcache.chunkfiles.diagnosis.MountPoint;
import io.lmcache.chunkfiles.diagnosis.Reason;
import io.lmcache.chunkfiles.diagnosis.StorageTrial;
import io.lmcache.chunkfiles.diagnosis.StorageTrial.Speeds;
import io.lmcache.chunkfiles.diagnosis.TrialDirectory;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.cuda.CudaDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Which way chunks take between one directory and a device. Each way is tried by the backend itself, in a directory of
 * its own beside. For one thread.
 */
final class PathDiagnosis {
    private static final String CONCLUSION = "I/O path";
    private static final String STAGED = "staged";
    private static final String STAGED_REMEDY =
            "see that this user may create files there, and lock memory for disk_io_threads (ulimit -l)";
    private static final String ELSEWHERE = "see cufile.log and NVIDIA's gdscheck -p, or try ext4 or xfs";

    /** How a trial ended. */
    private sealed interface Trial {
        /** With all chunks intact, by this way. */
        record Passed(IoPath way, Speeds speeds) implements Trial {}

        /** Before it began: a backend that need not take this way takes another. */
        record Refused(Exception cause) implements Trial {}

        /** In the middle: a backend that takes this way would fail just so. */
        record Broken(Exception cause) implements Trial {}
    }

    private final GdsSettings settings;
    private final BackendContext context;
    private final Machine machine;
    private final CudaDevice device;
    private final Path path;
    private final Path nearest;
    private final List<Finding> findings = new ArrayList<>();

    PathDiagnosis(GdsSettings settings, BackendContext context, Machine machine, CudaDevice device, Path path) {
        this.settings = settings;
        this.context = context;
        this.machine = machine;
        this.device = device;
        this.path = path;
        this.nearest = TrialDirectory.nearestTo(path);
    }

    List<Finding> findings() {
        try {
            examine();
        } catch (IOException e) {
            findings.add(Finding.problem(
                    CONCLUSION,
                    path + " cannot be examined: " + Reason.of(e),
                    "name a path where this user may create files"));
        }
        return findings;
    }

    private void examine() throws IOException {
        if (!TrialDirectory.hasRoomIn(nearest)) {
            findings.add(Finding.note(
                    CONCLUSION, path + " was not tried: it has too little free space", "make room, and ask again"));
            return;
        }
        switch (trial(CufileUse.FALSE)) {
            case Trial.Passed(IoPath _, Speeds speeds) -> {
                findings.add(Finding.ok(STAGED, path + ": " + speeds));
                findings.add(settings.useCufile() == CufileUse.FALSE ? staged("use_cufile is false") : cufile());
            }
            case Trial.Refused(Exception cause) ->
                findings.add(Finding.problem(STAGED, path + ": " + Reason.of(cause), STAGED_REMEDY));
            case Trial.Broken(Exception cause) ->
                findings.add(Finding.failure(STAGED, path + ": " + Reason.of(cause), STAGED_REMEDY));
        }
    }

    private Finding staged(String reason) {
        return Finding.ok(CONCLUSION, path + ": through page-locked staging memory, since " + reason);
    }

    /** Adds what the way through libcufile needs and gives; the conclusion is the answer. */
    private Finding cufile() throws IOException {
        Optional<UdevCheck> udev = MountPoint.under(nearest, machine.file(MountPoint.MOUNT_TABLE.toString()))
                .map(mount -> new UdevCheck(machine, mount));
        udev.map(UdevCheck::finding).ifPresent(findings::add);
        return switch (trial(CufileUse.TRUE)) {
            case Trial.Passed(IoPath way, Speeds speeds)
            when way != IoPath.STAGED -> {
                findings.add(Finding.ok("cuFile", path + ": " + speeds));
                yield way == IoPath.DIRECT
                        ? Finding.ok(CONCLUSION, path + ": through libcufile, past the CPU")
                        : compatible();
            }
            case Trial.Passed _ ->
                withoutCufile("libcufile started to work and then failed; the warning in the log says how", ELSEWHERE);
            case Trial.Refused(Exception cause) ->
                withoutCufile(
                        Reason.of(cause),
                        udev.filter(check -> check.explains(cause))
                                .map(UdevCheck::remedy)
                                .orElse(ELSEWHERE));
            case Trial.Broken(Exception cause) ->
                Finding.failure(
                        CONCLUSION,
                        path + ": through libcufile, which starts to work and then fails: " + Reason.of(cause),
                        "set use_cufile to false");
        };
    }

    private Finding compatible() throws IOException {
        String text = path + ": through libcufile in its compatibility mode, which copies through host memory: ";
        return DirectTarget.under(nearest).isPresent()
                ? Finding.note(
                        CONCLUSION,
                        text + "neither nvidia-fs nor peer-to-peer DMA serves this file system",
                        DriverCheck.DIRECT_REMEDY)
                : Finding.note(
                        CONCLUSION,
                        text + "this is no storage that GPUs are known to reach",
                        "for direct I/O name a directory on ext4 or xfs on an NVMe drive, or on a network file system"
                                + " that supports GPUDirect Storage");
    }

    private Finding withoutCufile(String reason, String remedy) {
        if (settings.useCufile() == CufileUse.TRUE) {
            findings.add(Finding.problem("cuFile", path + ": " + reason, remedy));
            return Finding.problem(
                    CONCLUSION, path + ": none, since use_cufile is true", "set use_cufile to auto, or see above");
        }
        findings.add(Finding.note("cuFile", path + ": " + reason, remedy));
        return staged("libcufile does not work there: " + reason);
    }

    private Trial trial(CufileUse useCufile) {
        try (TrialDirectory directory = TrialDirectory.in(nearest)) {
            return trial(settings.forTrialIn(directory.path(), useCufile));
        } catch (IOException e) {
            return new Trial.Refused(e);
        }
    }

    private Trial trial(GdsSettings moved) {
        try (StorageBackend backend = GdsBackendProvider.open(moved, new NativeChunkFormat(), context)) {
            Speeds speeds = StorageTrial.run(backend, new Memory(device));
            return new Trial.Passed(way(backend.stats()), speeds);
        } catch (LmcacheException e) {
            return e.code() == ErrorCode.START_FAILED ? new Trial.Refused(causeOf(e)) : new Trial.Broken(e);
        } catch (IOException e) {
            return new Trial.Broken(e);
        }
    }

    /** What went wrong, without advice for a start. */
    private static Exception causeOf(LmcacheException failedStart) {
        return failedStart.getCause() instanceof Exception cause ? cause : failedStart;
    }

    /** The slowest way that was taken: after a failure in mid-run the rest goes staged. */
    private static IoPath way(BackendStats stats) {
        for (IoPath slow : List.of(IoPath.STAGED, IoPath.COMPATIBLE)) {
            if (stats.count(slow.operations()) > 0) {
                return slow;
            }
        }
        return IoPath.DIRECT;
    }

    private record Memory(CudaDevice device) implements StorageTrial.Memory {
        @Override
        public void copyIn(MemorySegment source, KvBuffer target) throws IOException {
            device.copyToDevice(source, (DeviceBuffer) target);
        }

        @Override
        public void copyOut(KvBuffer source, MemorySegment target) throws IOException {
            device.copyToHost((DeviceBuffer) source, target);
        }
    }
}
