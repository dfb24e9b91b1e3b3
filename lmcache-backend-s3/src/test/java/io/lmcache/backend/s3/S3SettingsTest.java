package io.lmcache.backend.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendSettings;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class S3SettingsTest {
    private static S3Settings read(String url, Map<String, String> environment, String... settings) {
        Map<String, String> values = new HashMap<>(Map.of("remote_url", url));
        for (int i = 0; i < settings.length; i += 2) {
            values.put(settings[i], settings[i + 1]);
        }
        return S3Settings.from(BackendSettings.of("s3", values), environment);
    }

    @Test
    void awsIsAskedByTheBucketsHost() {
        S3Settings settings = read("s3://bucket/some/prefix/", Map.of(), "region", "eu-west-1");
        assertThat(settings.endpoint().url()).hasToString("https://bucket.s3.eu-west-1.amazonaws.com");
        assertThat(settings.endpoint().root()).isEqualTo("/");
        assertThat(settings.address().prefix()).isEqualTo("some/prefix/");
    }

    @Test
    void anotherServerIsAskedByThePath() {
        S3Settings settings = read("s3://bucket", Map.of(), "endpoint_url", "http://localhost:9000");
        assertThat(settings.endpoint().url()).hasToString("http://localhost:9000");
        assertThat(settings.endpoint().root()).isEqualTo("/bucket/");
        assertThat(settings.endpoint().host()).isEqualTo("localhost:9000");
        assertThat(settings.address().prefix()).isEmpty();
    }

    @Test
    void aBucketWithADotHasNoCertificateAndIsAskedByThePath() {
        assertThat(read("s3://my.bucket", Map.of()).endpoint().root()).isEqualTo("/my.bucket/");
    }

    @Test
    void lmcachesUrlsNameBucketAndRegionByTheHost() {
        S3Settings settings = read("s3://bucket.s3.us-west-2.amazonaws.com/p", Map.of("AWS_REGION", "eu-west-1"));
        assertThat(settings.endpoint().url()).hasToString("https://bucket.s3.us-west-2.amazonaws.com");
        assertThat(settings.region()).isEqualTo("us-west-2");
    }

    @Test
    void theEnvironmentHasItsSayAfterTheSettings() {
        Map<String, String> environment =
                Map.of("AWS_DEFAULT_REGION", "eu-west-1", "AWS_ENDPOINT_URL", "https://store.example.org");
        assertThat(read("s3://bucket", environment).region()).isEqualTo("eu-west-1");
        assertThat(read("s3://bucket", environment).endpoint().url()).hasToString("https://store.example.org");
        assertThat(read("s3://bucket", environment, "region", "r", "endpoint_url", "http://h")
                        .endpoint()
                        .url())
                .hasToString("http://h");
        assertThat(read("s3://bucket", Map.of()).region()).isEqualTo("us-east-1");
    }

    @Test
    void whatIsNoPlaceIsRefusedWithAReason() {
        assertRefused("remote_url 's3://Bucket_1/x' has 'Bucket_1'", "s3://Bucket_1/x");
        assertRefused("has the prefix 'a//b'", "s3://bucket/a//b");
        assertRefused("has the prefix 'a%20b'", "s3://bucket/a%20b");
        assertRefused("has the endpoint 'ftp://h'", "s3://bucket", "endpoint_url", "ftp://h");
        assertRefused("has the endpoint 'http://h/path'", "s3://bucket", "endpoint_url", "http://h/path");
    }

    private static void assertRefused(String sentence, String url, String... settings) {
        assertThatThrownBy(() -> read(url, Map.of(), settings))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining(sentence);
    }
}
