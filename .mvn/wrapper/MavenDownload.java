import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import java.util.zip.ZipInputStream;

/**
 * Downloads a Maven distribution, checks it and unpacks it; a source program, so that a JDK is all a first build needs.
 *
 * <p>Arguments: the version, the SHA-512 of its binary zip, and the folder to create. Nothing is written before the
 * checksum fits, and the folder appears complete or not at all.
 */
final class MavenDownload {
    private static final List<String> GROUP = List.of("org", "apache", "maven");
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(20);
    private static final Duration DOWNLOAD_TIMEOUT = Duration.ofMinutes(10);

    static void main(String[] args) throws InterruptedException {
        try {
            String version = args[0];
            URI source = source(version);
            System.err.println("downloading Maven " + version + " (first run) ...");
            byte[] zip = download(source);
            check(zip, args[1], source);
            install(zip, "apache-maven-" + version, Path.of(args[2]).toAbsolutePath().normalize());
        } catch (FileSystemException e) {
            System.err.println("mvnw: cannot unpack Maven: " + e);
            System.exit(1);
        } catch (IllegalArgumentException e) {
            System.err.println("mvnw: MVNW_REPOURL or a proxy variable is not a URL: " + e.getMessage());
            System.exit(1);
        } catch (IOException | GeneralSecurityException e) {
            System.err.println("mvnw: " + e.getMessage());
            System.exit(1);
        }
    }

    private static URI source(String version) {
        // Maven Central's host is "repo." before Maven's own group id, read backwards.
        String central = "https://repo." + String.join(".", GROUP.reversed()) + "/maven2";
        String base = environment("MVNW_REPOURL").orElse(central).replaceFirst("/+$", "");
        return URI.create("%s/%s/apache-maven/%s/apache-maven-%3$s-bin.zip"
                .formatted(base, String.join("/", GROUP), version));
    }

    private static byte[] download(URI source) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(source).build();
        HttpClient.Builder builder = HttpClient.newBuilder()
                .connectTimeout(CONNECT_TIMEOUT)
                .followRedirects(HttpClient.Redirect.NORMAL);
        proxy(source).map(ProxySelector::of).ifPresent(builder::proxy);
        try (HttpClient client = builder.build()) {
            HttpResponse<byte[]> response;
            try {
                // The timeout of a request ends with the headers; this one bounds the body too.
                response = client.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray())
                        .get(DOWNLOAD_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException e) {
                client.shutdownNow();
                Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
                throw new IOException(
                        "cannot download Maven from %s (%s): check the network, or name a mirror in MVNW_REPOURL."
                                .formatted(source, cause),
                        cause);
            }
            if (response.statusCode() != 200) {
                throw new IOException(
                        "cannot download Maven from %s: the server answered %d; name another repository in MVNW_REPOURL."
                                .formatted(source, response.statusCode()));
            }
            return response.body();
        }
    }

    /** The proxy that the environment names for the source, which the JDK alone would not see. */
    private static Optional<InetSocketAddress> proxy(URI source) {
        String variable = source.getScheme() + "_proxy";
        boolean direct = environment("no_proxy").or(() -> environment("NO_PROXY")).stream()
                .flatMap(hosts -> Stream.of(hosts.split(",")))
                .map(String::strip)
                .anyMatch(host -> !host.isEmpty() && (host.equals("*") || source.getHost().endsWith(host)));
        return environment(variable)
                .or(() -> environment(variable.toUpperCase(Locale.ROOT)))
                .filter(proxy -> !direct)
                .map(proxy -> URI.create(proxy.contains("://") ? proxy : "http://" + proxy))
                .map(proxy -> new InetSocketAddress(proxy.getHost(), proxy.getPort() < 0 ? 80 : proxy.getPort()));
    }

    private static Optional<String> environment(String name) {
        return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isBlank());
    }

    private static void check(byte[] zip, String sha512, URI source) throws IOException, GeneralSecurityException {
        String actual = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512").digest(zip));
        if (!actual.equals(sha512)) {
            throw new IOException("the download from %s has the SHA-512 %s, not the one that %s pins."
                    .formatted(source, actual, ".mvn/wrapper/maven-wrapper.properties"));
        }
    }

    private static void install(byte[] zip, String root, Path home) throws IOException {
        Files.createDirectories(home.getParent());
        // Beside the final folder, so that the move is one rename.
        Path scratch = Files.createTempDirectory(home.getParent(), ".unpack-");
        try {
            unpack(zip, scratch);
            Files.move(scratch.resolve(root), home, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            // Another first run may have won the race; its folder is as good as ours.
            if (!Files.isExecutable(home.resolve("bin/mvn"))) {
                throw e;
            }
        } finally {
            delete(scratch);
        }
    }

    private static void unpack(byte[] zip, Path folder) throws IOException {
        try (var in = new ZipInputStream(new ByteArrayInputStream(zip))) {
            for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                Path target = folder.resolve(entry.getName()).normalize();
                if (!target.startsWith(folder)) {
                    throw new IOException("the Maven archive has an entry outside its folder: " + entry.getName());
                }
                if (entry.isDirectory()) {
                    Files.createDirectories(target);
                    continue;
                }
                Files.createDirectories(target.getParent());
                Files.copy(in, target);
                if (target.getParent().endsWith("bin")) {
                    target.toFile().setExecutable(true, false);
                }
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private MavenDownload() {}
}
