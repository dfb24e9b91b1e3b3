package io.lmcache.e2e;

import com.example.scratch.ScratchBackendProvider;
import io.lmcache.api.spi.StorageBackendProvider;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/** Makes jars as a build would. Stateless and thread-safe. */
final class Jars {
    private Jars() {}

    /** The example backend with its service file. */
    static void writePlugin(Path jar) throws IOException, URISyntaxException {
        Path classes = classesOfTests();
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            addTree(out, classes, classes.resolve("com/example/scratch"));
            out.putNextEntry(new JarEntry("META-INF/services/" + StorageBackendProvider.class.getName()));
            out.write(ScratchBackendProvider.class.getName().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Everything in a folder of classes. */
    static void write(Path jar, Path classes) throws IOException {
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            addTree(out, classes, classes);
        }
    }

    private static void addTree(JarOutputStream out, Path root, Path from) throws IOException {
        for (Path file : files(from)) {
            out.putNextEntry(new JarEntry(root.relativize(file).toString()));
            Files.copy(file, out);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            return paths.filter(Files::isRegularFile).sorted().toList();
        }
    }

    /** The folder that the classes of the tests are in. */
    static Path classesOfTests() throws URISyntaxException {
        return Path.of(
                Jars.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    }
}
