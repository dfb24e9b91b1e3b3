package io.lmcache.cuda;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * Numbers the GPUs of a machine by their places on the PCI bus, as nvidia-smi does. CUDA's ordinals count what a process is
 * shown, so that with {@code CUDA_VISIBLE_DEVICES} or in containers several processes each call their own GPU 0; this number
 * is the same for all of them. Stateless and thread-safe.
 */
final class PciOrder {
    /** Where Linux lists the PCI devices, also in containers. */
    static final Path DEVICES = Path.of("/sys/bus/pci/devices");

    private static final String NVIDIA = "0x10de";
    private static final String DISPLAY_CONTROLLER = "0x03";

    private PciOrder() {}

    /** The number of the GPU at that address, such as {@code 0000:18:00.0}; empty where the machine does not list it. */
    static OptionalInt numberOf(String address, Path devices) {
        return gpus(devices)
                .filter(gpus -> gpus.contains(address.toLowerCase(Locale.ROOT)))
                .map(gpus -> OptionalInt.of(
                        gpus.headSet(address.toLowerCase(Locale.ROOT), false).size()))
                .orElse(OptionalInt.empty());
    }

    /** Whether the machine lists its devices, and there is no GPU among them. */
    static boolean hasNone(Path devices) {
        return gpus(devices).filter(NavigableSet::isEmpty).isPresent();
    }

    /** The addresses of the GPUs in their order; empty where the machine does not list its devices. */
    private static Optional<NavigableSet<String>> gpus(Path devices) {
        NavigableSet<String> gpus = new TreeSet<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(devices)) {
            for (Path device : all) {
                if (read(device.resolve("vendor")).equals(NVIDIA)
                        && read(device.resolve("class")).startsWith(DISPLAY_CONTROLLER)) {
                    gpus.add(String.valueOf(device.getFileName()));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // No such folder, or a device that went in between: the caller has something else to go by.
            return Optional.empty();
        }
        return Optional.of(gpus);
    }

    private static String read(Path file) throws IOException {
        return Files.readString(file).strip();
    }
}
