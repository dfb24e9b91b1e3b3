package io.lmcache.backend.s3;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The backend's settings as values.
 *
 * @param address where chunks are
 * @param endpoint which server is asked
 * @param region the region that requests are signed for
 * @param profile the profile in the files of AWS's tools to be; empty for their default chain
 * @param credentialsFile the file with that profile's keys; empty for where AWS's tools keep it
 * @param maxBytes the bytes that this instance keeps there; 0 for no limit
 * @param partBytes how much of a chunk one request moves
 * @param connections the most connections
 * @param timeout how long an operation may take
 * @param stagingBytes the size of the backend's own allocator
 */
record S3Settings(
        S3Address address,
        S3Endpoint endpoint,
        String region,
        Optional<String> profile,
        Optional<Path> credentialsFile,
        long maxBytes,
        long partBytes,
        int connections,
        Duration timeout,
        long stagingBytes) {

    private static final OptionType<Optional<String>> ANY_TEXT = OptionType.of(
            "text",
            "any text",
            text -> Optional.of(Optional.of(text).filter(some -> !some.isEmpty())),
            text -> text.orElse(""));

    private static final Option<Optional<URI>> ENDPOINT_URL = Option.of(
            "endpoint_url",
            "",
            OptionType.URL,
            "The server, if it is not AWS's for the region: http://localhost:9000 for instance; else the environment"
                    + " variable AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.");

    private static final Option<Optional<String>> REGION = Option.of(
            "region",
            "",
            ANY_TEXT,
            "The region of the bucket; else the one in remote_url, or the environment variable AWS_REGION or"
                    + " AWS_DEFAULT_REGION, or us-east-1.");

    private static final Option<Optional<Boolean>> PATH_STYLE = Option.of(
            "path_style",
            "auto",
            OptionType.auto(OptionType.BOOLEAN),
            "Whether the bucket is named in the path and not in the host: auto does so for a server that is not AWS's,"
                    + " and for a bucket with a dot in its name.");

    private static final Option<Optional<String>> PROFILE = Option.of(
            "profile",
            "",
            ANY_TEXT,
            "The profile of AWS's configuration to be; else the default chain: environment, profile, web identity,"
                    + " container, instance.");

    private static final Option<List<Path>> CREDENTIALS_FILE = Option.of(
            "credentials_file",
            "",
            OptionType.PATHS,
            "A file with the profile's keys, as ~/.aws/credentials has them; else the default chain.");

    private static final Option<ByteSize> MAX_SIZE = Option.of(
            "max_size",
            "0",
            OptionType.gigabytes(0),
            "What this instance may keep there: beyond it, what it stored and used longest ago goes. 0 leaves that to the"
                    + " bucket's lifecycle rules.");

    private static final Option<ByteSize> PART_SIZE = Option.of(
            "part_size",
            "8",
            OptionType.megabytes(5 << 20),
            "How much of a chunk one request moves: a larger chunk goes in several requests at once.");

    private static final Option<Integer> CONNECTIONS =
            Option.of("connections", "32", OptionType.wholeNumber(1, 1024), "The most connections to the server.");

    private static final Option<Duration> TIMEOUT_SECS = Option.of(
            "timeout_secs",
            "10",
            OptionType.seconds(Duration.ofMillis(50), Duration.ofHours(1)),
            "How long reading or writing a chunk may take, with whatever is tried again; then it is given up.");

    private static final Option<ByteSize> STAGING_SIZE = Option.of(
            "staging_size",
            "256",
            OptionType.megabytes(1 << 20),
            "Host memory in which chunks are prepared where no tier above has some; taken when it is used.");

    /** What can be set. */
    static final List<Option<?>> OPTIONS = List.of(
            SharedOptions.REMOTE_URL,
            SharedOptions.REMOTE_SERDE,
            ENDPOINT_URL,
            REGION,
            PATH_STYLE,
            PROFILE,
            CREDENTIALS_FILE,
            MAX_SIZE,
            PART_SIZE,
            CONNECTIONS,
            TIMEOUT_SECS,
            STAGING_SIZE);

    /** The settings have their say before the environment. */
    static S3Settings from(BackendSettings settings, Map<String, String> environment) {
        S3Address address = settings.value(SharedOptions.REMOTE_URL)
                .map(S3Address::of)
                .orElseThrow(() -> invalid("needs the setting 'remote_url', such as s3://bucket/prefix"));
        String region = settings.value(REGION)
                .or(address::region)
                .or(() -> variable(environment, "AWS_REGION", "AWS_DEFAULT_REGION"))
                .orElse("us-east-1");
        Optional<URI> server = settings.value(ENDPOINT_URL)
                .or(() -> variable(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
                        .map(S3Settings::url));
        boolean isPathStyle = settings.value(PATH_STYLE)
                .orElse(server.isPresent() || address.bucket().contains("."));
        return new S3Settings(
                address,
                S3Endpoint.of(
                        address,
                        checked(server.orElseGet(() -> URI.create("https://s3." + region + ".amazonaws.com"))),
                        isPathStyle),
                region,
                settings.value(PROFILE),
                settings.value(CREDENTIALS_FILE).stream().findFirst(),
                settings.value(MAX_SIZE).bytes(),
                settings.value(PART_SIZE).bytes(),
                settings.value(CONNECTIONS),
                settings.value(TIMEOUT_SECS),
                settings.value(STAGING_SIZE).bytes());
    }

    private static Optional<String> variable(Map<String, String> environment, String... names) {
        return Stream.of(names)
                .map(name -> environment.getOrDefault(name, ""))
                .filter(text -> !text.isEmpty())
                .findFirst();
    }

    private static URI url(String text) {
        return OptionType.URL
                .parse(text)
                .flatMap(url -> url)
                .orElseThrow(() -> invalid("finds '" + OptionType.withoutPassword(text)
                        + "' as the endpoint in the environment; it has to be a URL such as http://localhost:9000"));
    }

    private static URI checked(URI server) {
        boolean isHttp = "http".equalsIgnoreCase(server.getScheme()) || "https".equalsIgnoreCase(server.getScheme());
        boolean isBare = server.getRawPath().replace("/", "").isEmpty() && server.getRawQuery() == null;
        if (!isHttp || !isBare || server.getHost() == null || server.getRawUserInfo() != null) {
            throw invalid("has the endpoint '" + server
                    + "'; it has to be http or https with a host and perhaps a port, such as http://localhost:9000");
        }
        return server;
    }

    private static LmcacheException invalid(String sentence) {
        return new LmcacheException(ErrorCode.INVALID_CONFIGURATION, "Backend 's3' " + sentence);
    }

    /** Where keys come from, without keys. */
    String credentialsSource() {
        return profile.isEmpty() && credentialsFile.isEmpty()
                ? "credentials by the default chain"
                : "credentials of profile '" + profile.orElse("default") + "'"
                        + credentialsFile.map(file -> " in " + file).orElse("");
    }
}
