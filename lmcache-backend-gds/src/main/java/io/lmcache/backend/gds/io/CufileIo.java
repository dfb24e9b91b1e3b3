package io.lmcache.backend.gds.io;

import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.posix.FileModes;
import io.lmcache.backend.gds.cufile.CufileDriver;
import io.lmcache.backend.gds.cufile.CufileFile;
import io.lmcache.backend.gds.cufile.RegisteredBuffer;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.ResourceStack;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** libcufile with the device buffer registered. Thread-safe. Close it before the buffer is freed. */
public final class CufileIo implements Closeable {
    /** The device memory that a probe takes, in bytes. */
    public static final long PROBE_BYTES = 2 * 65_536;

    private final CudaDevice device;
    private final CufileDriver driver;
    private final RegisteredBuffer registration;

    private CufileIo(CudaDevice device, CufileDriver driver, RegisteredBuffer registration) {
        this.device = device;
        this.driver = driver;
        this.registration = registration;
    }

    /**
     * Opens libcufile and registers the buffer.
     *
     * @param library the library's file; empty to look for it
     * @throws IOException when one of these cannot be done
     */
    public static CufileIo open(CudaDevice device, DeviceBuffer buffer, Optional<String> library) throws IOException {
        CufileDriver driver = CufileDriver.open(library);
        try {
            return new CufileIo(device, driver, driver.register(device, buffer));
        } catch (IOException e) {
            closeAfter(driver, e);
            throw e;
        }
    }

    private static void closeAfter(CufileDriver driver, IOException failure) {
        try {
            driver.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    /** Whether a region can be read and written here: it lies in the registered buffer. */
    boolean serves(DeviceBuffer region) {
        return registration.contains(region);
    }

    RegisteredBuffer registration() {
        return registration;
    }

    CufileFile open(Path file, CufileFile.Mode mode, boolean direct) throws IOException {
        return driver.openFile(file, mode, direct);
    }

    /**
     * Writes and reads a small file in a directory.
     *
     * @param memory {@link #PROBE_BYTES} of the registered buffer
     * @return what the path through libcufile is to be called there
     * @throws IOException when it does not work there
     */
    public IoPath probe(Path directory, BufferLease memory) throws IOException {
        boolean direct = driver.isDirect(directory);
        Path file = Files.createTempFile(directory, ".cufile-probe", ".tmp", FileModes.PRIVATE_FILE);
        try {
            device.withContext(() -> probeFile(file, direct, (DeviceBuffer) memory.buffer()));
        } finally {
            Files.delete(file);
        }
        return direct ? IoPath.DIRECT : IoPath.COMPATIBLE;
    }

    private void probeFile(Path path, boolean direct, DeviceBuffer memory) throws IOException {
        long half = PROBE_BYTES / 2;
        DeviceBuffer source = memory.slice(0, half);
        DeviceBuffer target = memory.slice(half, half);
        try (Arena arena = Arena.ofConfined();
                CufileFile file = open(path, CufileFile.Mode.WRITE, direct)) {
            MemorySegment written = arena.allocate(half);
            for (long offset = 0; offset < half; offset += Long.BYTES) {
                written.set(ValueLayout.JAVA_LONG, offset, ~offset);
            }
            MemorySegment read = arena.allocate(half);
            device.copyToDevice(written, source);
            device.copyToDevice(read, target);
            file.write(registration, source, 0);
            file.read(registration, target, 0);
            device.copyToHost(target, read);
            if (read.mismatch(written) >= 0) {
                throw new IOException("libcufile read other bytes than it had written to " + path);
            }
        }
    }

    /** Deregisters the buffer and closes libcufile. Idempotent. */
    @Override
    public void close() throws IOException {
        try (ResourceStack resources = new ResourceStack()) {
            resources.add(driver);
            resources.add(registration);
        }
    }
}
