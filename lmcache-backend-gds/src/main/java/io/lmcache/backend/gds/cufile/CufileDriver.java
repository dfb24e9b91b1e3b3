package io.lmcache.backend.gds.cufile;

import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.cuda.CudaDevice;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** The open libcufile driver, through which buffers and files are registered. Thread-safe. Close it after these. */
public final class CufileDriver implements Closeable {
    private static final List<String> NAMES = List.of("libcufile.so.0", "libcufile.so");
    private static final Path CUDA_PARENT = Path.of("/usr/local");
    private static final List<String> LIBRARY_FOLDERS = List.of("lib64", "targets/x86_64-linux/lib");

    // The C library has one driver in a process: whose first user opens it, and whose last one closes it, so the users
    // are counted for the process, too. Guarded by LOCK.
    private static final Object LOCK = new Object();
    private static int users;

    private final CufileLibrary library;
    private final String location;
    private final AtomicBoolean closed = new AtomicBoolean();

    private CufileDriver(CufileLibrary library, String location) {
        this.library = library;
        this.location = location;
    }

    /**
     * Loads the library and opens its driver.
     *
     * @param path the library's file; when empty, the usual names and the folders of CUDA installations are tried
     * @throws IOException when there is no library or its driver does not open, with what to do
     */
    public static CufileDriver open(Optional<String> path) throws IOException {
        for (String candidate : path.map(List::of).orElseGet(CufileDriver::candidates)) {
            Optional<SymbolLookup> symbols = load(candidate);
            if (symbols.isPresent()) {
                return open(bind(symbols.get(), candidate), candidate);
            }
        }
        throw new IOException(path.map(file -> "libcufile cannot be loaded from '" + file + "'; check the setting")
                        .orElse(
                                "libcufile not found; install NVIDIA's GPUDirect Storage packages (libcufile), or name the"
                                        + " library's file in the setting")
                + " 'cufile_library'");
    }

    private static List<String> candidates() {
        List<String> candidates = new ArrayList<>(NAMES);
        try (DirectoryStream<Path> installations = Files.newDirectoryStream(CUDA_PARENT, "cuda*")) {
            for (Path installation : installations) {
                for (String folder : LIBRARY_FOLDERS) {
                    NAMES.forEach(name -> candidates.add(
                            installation.resolve(folder).resolve(name).toString()));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // No such folder, no such candidates; what cannot be loaded is told by the caller.
            return candidates;
        }
        return candidates;
    }

    @SuppressWarnings("restricted")
    private static Optional<SymbolLookup> load(String candidate) {
        try {
            return Optional.of(SymbolLookup.libraryLookup(candidate, Arena.global()));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static CufileLibrary bind(SymbolLookup symbols, String location) throws IOException {
        try {
            return new CufileLibrary(symbols);
        } catch (NoSuchElementException e) {
            throw new IOException(
                    "'" + location + "' is too old: " + e.getMessage() + "; install libcufile 1.8 or newer", e);
        }
    }

    private static CufileDriver open(CufileLibrary library, String location) throws CufileException {
        synchronized (LOCK) {
            if (users == 0) {
                openDriver(library);
            }
            users++;
        }
        return new CufileDriver(library, location);
    }

    private static void openDriver(CufileLibrary library) throws CufileException {
        try {
            library.driverOpen();
        } catch (CufileException e) {
            if (e.code() != CufileException.DRIVER_ALREADY_OPEN) {
                throw e;
            }
            // The embedder opened it: one user more, who never leaves.
            users++;
        }
    }

    /** The library's file, as it was found. */
    public String location() {
        return location;
    }

    /** The library's version, such as 1150 for 1.15. */
    public int version() throws CufileException {
        return library.version();
    }

    /** What the library says of itself. */
    public CufileProperties properties() throws CufileException {
        return library.properties();
    }

    /** Whether I/O in a directory goes past the CPU, as far as can be known; it never says so in doubt. */
    public boolean isDirect(Path directory) throws IOException {
        Optional<DirectTarget> target = DirectTarget.under(directory);
        if (target.isEmpty()) {
            return false;
        }
        CufileProperties properties = properties();
        return properties.supports(target.get()) || (target.get() == DirectTarget.NVME && properties.peerToPeer());
    }

    /** Registers device memory for I/O. The caller closes the registration before it frees the memory. */
    public RegisteredBuffer register(CudaDevice device, DeviceBuffer buffer) throws IOException {
        return RegisteredBuffer.register(library, device, buffer);
    }

    /** Opens a chunk file; the caller owns it and closes it. */
    public CufileFile openFile(Path file, CufileFile.Mode mode, boolean direct) throws IOException {
        return CufileFile.open(library, file, mode, direct);
    }

    /** Closes the driver with its last user. Idempotent. */
    @Override
    public void close() throws CufileException {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        synchronized (LOCK) {
            if (--users == 0) {
                library.driverClose();
            }
        }
    }
}
