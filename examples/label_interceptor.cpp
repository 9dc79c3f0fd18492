// A far end of one's own with an interceptor in it: the whole of tunnel, egress and DNS comes from the library.
//
//   label_interceptor [--label TEXT] [--port PORT]... [all options of the proxy]
//
// In place of `tfunnel` at the far end it puts a field "X-Tunnel: TEXT" into the first HTTP request of each flow to one
// of the ports (default: 80), and logs how much went each way. All other flows pass untouched, on the fast path.
// To build your own: copy this file, and its three lines in CMakeLists.txt.
#include <algorithm>
#include <iostream>
#include <string>

#include "common/app/main_guard.hpp"
#include "common/app/standard_streams.hpp"
#include "proxy/proxy_app.hpp"

namespace {

using namespace tfunnel;
using proxy::Way;

/// Waits for the end of the request line and puts the field behind it. A stream that does not look like a request
/// within `most_held` bytes goes on as it is.
class Labeller final : public proxy::Interceptor {
 public:
  Labeller(const proxy::Target& target, std::string field, const io::Log& log)
      : destination_(target.destination.text()), field_(std::move(field)), log_(log) {}

  // Destroyed when the flow is over, however it ended.
  ~Labeller() override {
    log_.about_flow(io::LogLevel::info, "flow over",
                    {{"to", destination_}, {"sent", std::to_string(sent_)}, {"received", std::to_string(received_)}});
  }

  void on_bytes(proxy::InterceptedFlow& flow, Way way, core::ByteView bytes) override {
    (way == Way::to_destination ? sent_ : received_) += bytes.size();
    if (way == Way::to_application || labelled_) return flow.send(way, bytes);
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    const auto line_end = std::ranges::find(held_, '\n');
    if (line_end == held_.end() && held_.size() < most_held) return;
    if (line_end != held_.end()) held_.insert(line_end + 1, field_.begin(), field_.end());
    release(flow);
  }

  void on_end(proxy::InterceptedFlow& flow, Way way) override {
    if (way == Way::to_destination) release(flow);
    flow.finish(way);
  }

 private:
  static constexpr std::size_t most_held = 8192;

  void release(proxy::InterceptedFlow& flow) {
    labelled_ = true;
    flow.send(Way::to_destination, std::exchange(held_, {}));
  }

  std::string destination_;
  std::string field_;
  const io::Log& log_;
  std::vector<std::uint8_t> held_;
  bool labelled_ = false;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

/// Chooses the flows.
class LabelFactory final : public proxy::InterceptorFactory {
 public:
  LabelFactory(std::vector<std::uint16_t> ports, const std::string& label, const io::Log& log)
      : ports_(std::move(ports)), field_("X-Tunnel: " + label + "\r\n"), log_(log) {}

  std::unique_ptr<proxy::Interceptor> intercept(const proxy::Target& target) override {
    if (std::ranges::find(ports_, target.destination.port) == ports_.end()) return nullptr;
    return std::make_unique<Labeller>(target, field_, log_);
  }

 private:
  std::vector<std::uint16_t> ports_;
  std::string field_;
  const io::Log& log_;
};

io::ExitStatus run(std::span<const char* const> words) {
  app::CommonOptions common;
  proxy::ProxyOptions options;
  std::vector<std::uint16_t> ports{80};
  std::string label = "tfunnel";
  app::po::options_description description("Labels");
  auto add = description.add_options();
  add("label", app::po::value(&label)->default_value(label), "what X-Tunnel says");
  add("port", app::po::value(&ports)->default_value(ports, "80"), "ports of flows to label; may be repeated");
  description.add(app::common_description(common));
  description.add(proxy_description(options));
  app::parse(words, description);
  if (common.help) {
    std::cout << description;
    return io::ExitStatus::ok;
  }
  check(common);
  check(options);
  // Both outlive all flows, which refer to them.
  const io::Log log(common.level(), common.log_format, "label_interceptor");
  LabelFactory labels(std::move(ports), label, log);
  return run_proxy(common, options, {.interceptors = &labels, .log = &log});
}

}  // namespace

int main(int argc, char** argv) {
  tfunnel::app::open_standard_streams();
  return tfunnel::app::guarded("label_interceptor", tfunnel::io::LogFormat::text, [&] {
    return run({argv, argv + argc});
  });
}
