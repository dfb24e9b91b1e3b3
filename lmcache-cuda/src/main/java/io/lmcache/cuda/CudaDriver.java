package io.lmcache.cuda;

import static io.lmcache.cuda.CudaException.check;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.LogLevel;
import jcuda.driver.JCudaDriver;

/** The CUDA driver of this process: whether there is one, and what it drives. Stateless and thread-safe. */
public final class CudaDriver {
    static final String LIBRARY = "libcuda.so.1";
    private static final String TEMPORARY_DIRECTORY = "java.io.tmpdir";

    private CudaDriver() {}

    /** What CUDA this machine offers to this process; never throws. */
    public static CudaAvailability availability() {
        if (!isInstalled()) {
            return withoutDriver(PciOrder.hasNone(PciOrder.DEVICES));
        }
        try {
            loadJcuda();
            check("cuInit", JCudaDriver.cuInit(0));
            return new CudaAvailability.Available(deviceCount(), version());
        } catch (CudaException e) {
            return new CudaAvailability.Unavailable(
                    String.valueOf(e.getMessage()),
                    "check the driver with nvidia-smi, and that the process may open /dev/nvidia*");
        } catch (IOException | LinkageError e) {
            return new CudaAvailability.Unavailable(
                    "jcuda cannot be loaded (" + firstLine(e) + ")",
                    "put jcuda-natives for this platform on the class path, and see that the temporary directory is"
                            + " writable");
        }
    }

    /** A driver would be of no use where there is nothing to drive. */
    static CudaAvailability.Unavailable withoutDriver(boolean hasNoGpu) {
        return hasNoGpu
                ? new CudaAvailability.Unavailable(
                        "this machine has no NVIDIA GPU", "nothing is missing, unless GPU memory is wanted")
                : new CudaAvailability.Unavailable(
                        LIBRARY + " not found", "install the NVIDIA driver, or pass the GPU into the container");
    }

    private static String firstLine(Throwable e) {
        return e.toString().lines().findFirst().orElseThrow();
    }

    private static int deviceCount() throws CudaException {
        int[] count = new int[1];
        check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
        return count[0];
    }

    private static int version() throws CudaException {
        int[] version = new int[1];
        check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
        return version[0];
    }

    /**
     * Loads jcuda's JNI library. Left alone, jcuda unpacks it to a fixed name in the shared temporary directory and loads
     * whatever lies there already, another user's file included; so for that moment the directory is a private one.
     */
    private static synchronized void loadJcuda() throws IOException {
        Path unpacked = Files.createTempDirectory("lmcache-jcuda");
        String shared = System.setProperty(TEMPORARY_DIRECTORY, unpacked.toString());
        try {
            JCudaDriver.setLogLevel(LogLevel.LOG_QUIET);
        } finally {
            System.setProperty(TEMPORARY_DIRECTORY, shared);
            delete(unpacked);
        }
    }

    /** What is loaded stays mapped; the file is not needed any more. */
    private static void delete(Path unpacked) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(unpacked)) {
            for (Path file : files) {
                Files.delete(file);
            }
        }
        Files.delete(unpacked);
    }

    /** Looks for the library itself: jcuda's own complaint about a missing one is a page of stack traces. */
    @SuppressWarnings("restricted")
    private static boolean isInstalled() {
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup.libraryLookup(LIBRARY, arena);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
