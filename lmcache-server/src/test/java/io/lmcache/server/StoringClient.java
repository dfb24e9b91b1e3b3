package io.lmcache.server;

import io.lmcache.server.Shape.Sizes;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** A process that stores one new prompt after another until it is killed. The arguments are the socket and a number. */
final class StoringClient {
    private static final Sizes SIZES = new Sizes(4, 64, 16, 2, 64);

    private StoringClient() {}

    static Process start(Path socket, int number) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Xmx128m",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        StoringClient.class.getName(),
                        socket.toString(),
                        Integer.toString(number))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    public static void main(String[] arguments) throws IOException {
        int number = Integer.parseInt(arguments[1]);
        int[] blocks = IntStream.range(0, 64).toArray();
        try (TestClient client = TestClient.connect(Path.of(arguments[0]));
                TestEngine engine = new TestEngine(client, Shape.BLOCKS_FIRST_HND, SIZES, "killed").register(0, 1)) {
            for (int prompt = 0; ; prompt++) {
                int first = (number * 1000 + prompt) * 2000;
                engine.store(IntStream.range(first, first + 1024).toArray(), blocks);
            }
        }
    }

    /** What killed clients leave under /dev/shm is theirs to remove, and they cannot any more. */
    static void removeSharedMemory() throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of("/dev/shm"), "lmcache-test-*")) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
        }
    }
}
