package io.lmcache.backend.redis;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The backend's settings as values.
 *
 * @param address where the servers are
 * @param credentials who to be for them
 * @param tls what certificates to trust and to show
 * @param keyPrefix starts the name of every chunk
 * @param ttl how long a chunk stays after its last use; zero for as long as the server keeps it
 * @param maxBytes the bytes that this instance keeps there; 0 for no limit
 * @param connections the connections for payload, to each server
 * @param timeout how long a server may be silent while it is asked something
 * @param stagingBytes the size of the backend's own allocator
 */
record RedisSettings(
        RedisAddress address,
        RedisCredentialsSource credentials,
        Tls tls,
        String keyPrefix,
        Duration ttl,
        long maxBytes,
        int connections,
        Duration timeout,
        long stagingBytes) {

    /** How much of a server's certificate is checked. */
    enum TlsCheck {
        /** That it is trusted and for the host that was asked for. */
        FULL,
        /** That it is trusted. */
        CA,
        /** Nothing. */
        NONE
    }

    /**
     * How connections are encrypted.
     *
     * @param check what is checked of the server's certificate
     * @param trusted a file with the certificates to trust; empty for those of the Java platform
     * @param certificate a file with the certificate to show; empty for none
     * @param key a file with its key
     */
    record Tls(TlsCheck check, Optional<Path> trusted, Optional<Path> certificate, Optional<Path> key) {}

    private static final OptionType<Optional<String>> ANY_TEXT = OptionType.of(
            "text",
            "any text",
            text -> Optional.of(Optional.of(text).filter(some -> !some.isEmpty())),
            text -> text.orElse(""));

    private static final Option<Optional<String>> USERNAME = Option.of(
            "username",
            "",
            ANY_TEXT,
            "The user for the server; else the one in remote_url or in the environment variable "
                    + RedisCredentialsSource.USER_VARIABLE + ".");

    private static final Option<List<Path>> PASSWORD_FILE = Option.of(
            "password_file",
            "",
            OptionType.PATHS,
            "A file with the password, read anew for every connection; else the environment variable "
                    + RedisCredentialsSource.PASSWORD_VARIABLE + " has it.");

    private static final Option<List<Path>> CA_FILE = Option.of(
            "ca_file",
            "",
            OptionType.PATHS,
            "With TLS: a file with the certificates to trust, in PEM; else those that Java trusts.");

    private static final Option<List<Path>> CERT_FILE = Option.of(
            "cert_file", "", OptionType.PATHS, "With TLS: a file with the certificate to show to the server, in PEM.");

    private static final Option<List<Path>> KEY_FILE =
            Option.of("key_file", "", OptionType.PATHS, "With TLS: a file with the key of cert_file, in PEM.");

    private static final Option<TlsCheck> TLS_CHECK = Option.of(
            "tls_check",
            "full",
            OptionType.choice(TlsCheck.class),
            "With TLS: whether the server's certificate has to be trusted and for its host (full), trusted (ca), or may be"
                    + " any (none).");

    private static final Option<String> KEY_PREFIX = Option.of(
            "key_prefix",
            "lmcache",
            OptionType.TEXT,
            "Starts the names of all chunks. What lies under such names belongs to LMCache: what fails its check there is"
                    + " deleted.");

    private static final Option<Duration> TTL_SECS = Option.of(
            "ttl_secs",
            "0",
            OptionType.wholeSeconds(Integer.MAX_VALUE),
            "How long a chunk stays after its last use; 0 for as long as the server keeps it.");

    private static final Option<ByteSize> MAX_SIZE = Option.of(
            "max_size",
            "0",
            OptionType.gigabytes(0),
            "What this instance may keep there: beyond it, what it stored and used longest ago goes. 0 leaves that to the"
                    + " server's maxmemory.");

    private static final Option<Integer> CONNECTIONS = Option.of(
            "connections",
            "2",
            OptionType.wholeNumber(1, 64),
            "The connections for payload, to each server; lookups have one of their own.");

    private static final Option<Duration> TIMEOUT_SECS = Option.of(
            "timeout_secs",
            "5",
            OptionType.seconds(Duration.ofMillis(50), Duration.ofHours(1)),
            "How long a server may be silent while it is asked something; then its connection is given up.");

    private static final Option<ByteSize> STAGING_SIZE = Option.of(
            "staging_size",
            "256",
            OptionType.megabytes(1 << 20),
            "Host memory in which chunks are prepared where no tier above has some; taken when it is used.");

    /** What can be set. */
    static final List<Option<?>> OPTIONS = List.of(
            SharedOptions.REMOTE_URL,
            SharedOptions.REMOTE_SERDE,
            USERNAME,
            PASSWORD_FILE,
            CA_FILE,
            CERT_FILE,
            KEY_FILE,
            TLS_CHECK,
            KEY_PREFIX,
            TTL_SECS,
            MAX_SIZE,
            CONNECTIONS,
            TIMEOUT_SECS,
            STAGING_SIZE);

    static RedisSettings from(BackendSettings settings, Map<String, String> environment) {
        RedisAddress address = settings.value(SharedOptions.REMOTE_URL)
                .map(RedisAddress::of)
                .orElseThrow(() -> new LmcacheException(
                        ErrorCode.INVALID_CONFIGURATION,
                        "Backend 'redis' needs the setting 'remote_url', such as redis://localhost:6379"));
        Tls tls = new Tls(
                settings.value(TLS_CHECK),
                file(CA_FILE, settings),
                file(CERT_FILE, settings),
                file(KEY_FILE, settings));
        if (tls.certificate().isPresent() != tls.key().isPresent()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION,
                    "Backend 'redis': cert_file and key_file go together; set both or none");
        }
        return new RedisSettings(
                address,
                new RedisCredentialsSource(
                        settings.value(USERNAME).or(address::user), file(PASSWORD_FILE, settings), environment),
                tls,
                settings.value(KEY_PREFIX),
                settings.value(TTL_SECS),
                settings.value(MAX_SIZE).bytes(),
                settings.value(CONNECTIONS),
                settings.value(TIMEOUT_SECS),
                settings.value(STAGING_SIZE).bytes());
    }

    private static Optional<Path> file(Option<List<Path>> option, BackendSettings settings) {
        return settings.value(option).stream().findFirst();
    }
}
