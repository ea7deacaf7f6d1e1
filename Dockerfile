FROM swift:6.3-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev libre2-dev libc-ares-dev zlib1g-dev libbrotli-dev \
    libzstd-dev libyaml-dev libnghttp2-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /fairway
COPY . .
# The package names its test targets, which this image leaves out.
RUN sed -i '/^    targets: modules/s/ + testTargets//' Package.swift \
    && swift build -c release --static-swift-stdlib --product fairway && strip .build/release/fairway

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libssl3 libre2-9 libc-ares2 zlib1g libbrotli1 libzstd1 \
    libyaml-0-2 libnghttp2-14 ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /fairway/.build/release/fairway /usr/local/bin/fairway
USER nobody
EXPOSE 9090
ENTRYPOINT ["fairway", "serve"]
