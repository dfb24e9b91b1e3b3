package io.lmcache.backend.redis;

import io.lettuce.core.RedisCredentials;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Who to be for the server: looked up for every connection, so that a password may change, and never kept. Immutable and
 * thread-safe.
 */
final class RedisCredentialsSource {
    static final String USER_VARIABLE = "REDIS_USERNAME";
    static final String PASSWORD_VARIABLE = "REDIS_PASSWORD";

    private final Optional<String> user;
    private final Optional<Path> passwordFile;
    private final Map<String, String> environment;

    /** The environment has its say where the settings have none. */
    RedisCredentialsSource(Optional<String> user, Optional<Path> passwordFile, Map<String, String> environment) {
        this.user = user.or(() -> variable(environment, USER_VARIABLE));
        this.passwordFile = passwordFile;
        this.environment = environment;
    }

    private static Optional<String> variable(Map<String, String> environment, String name) {
        return Optional.ofNullable(environment.get(name)).filter(text -> !text.isEmpty());
    }

    /** The credentials as they are now; without a password none are sent. */
    RedisCredentials now() {
        char[] password = password().toCharArray();
        return RedisCredentials.just(
                password.length == 0 ? null : user.orElse(null), password.length == 0 ? null : password);
    }

    /** Throws when the file that is to hold the password cannot be read. */
    void check() {
        password();
    }

    private String password() {
        if (passwordFile.isEmpty()) {
            return variable(environment, PASSWORD_VARIABLE).orElse("");
        }
        try {
            return Files.readString(passwordFile.get()).strip();
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Backend 'redis': password_file " + passwordFile.get() + " cannot be read: " + e
                            + "; name a text file that this user may read",
                    e);
        }
    }

    /** Where the password comes from, without the password. */
    @Override
    public String toString() {
        return user.map(name -> "user '" + name + "'").orElse("the default user") + ", "
                + passwordFile
                        .map(file -> "password from " + file)
                        .orElse(
                                variable(environment, PASSWORD_VARIABLE).isPresent()
                                        ? "password from " + PASSWORD_VARIABLE
                                        : "no password");
    }
}
