#include <sys/random.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "client/doctor/probes.hpp"
#include "common/io/asio.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

// Types of records (RFC 1035, 3.2.2; RFC 3596).
constexpr std::uint16_t address_record = 1;
constexpr std::uint16_t nameserver_record = 2;
constexpr std::uint16_t address6_record = 28;
constexpr std::size_t header_size = 12;
constexpr std::size_t largest_message = 65535;

std::uint16_t new_id() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id)
    throw boost::system::system_error(io::last_error(), "random numbers");
  return id;
}

Outcome outcome_of(error_code error) {
  namespace errc = boost::system::errc;
  if (error == errc::connection_refused) return Outcome::refused;
  if (error == errc::connection_reset || error == errc::broken_pipe || error == asio::error::eof) return Outcome::ended;
  if (error == errc::timed_out || error == asio::error::operation_aborted) return Outcome::timed_out;
  if (error == errc::network_unreachable || error == errc::host_unreachable || error == errc::permission_denied ||
      error == errc::operation_not_permitted) {
    return Outcome::unreachable;
  }
  return Outcome::failed;
}

/// One probe, until it is answered or its time is over. Lives until the event loop has run dry.
class Asking {
 public:
  Asking(asio::io_context& context, Probe& probe, const ProbePlan& plan, const DnsWords& words)
      : context_(context),
        probe_(probe),
        plan_(plan),
        words_(words),
        begin_(Clock::now()),
        timer_(context),
        stream_(context),
        datagrams_(context) {}

  void start() {
    timer_.expires_at(begin_ + std::chrono::duration_cast<Clock::duration>(plan_.timeout));
    timer_.async_wait([this](error_code error) {
      if (!error) close();
    });
    asio::spawn(
        context_, [this](asio::yield_context yield) { run(yield); },
        [this](const std::exception_ptr& failure) {
          timer_.cancel();
          if (failure) std::rethrow_exception(failure);
        });
  }

 private:
  // A name may have addresses of one family only.
  void run(const asio::yield_context& yield) {
    std::vector<std::uint16_t> types{nameserver_record};
    if (!plan_.name.empty()) types = {address_record, address6_record};
    for (const auto type : types) {
      const auto query = words_.query(plan_.name, type, new_id());
      error_code error;
      const auto answer = probe_.is_tcp ? over_tcp(query, yield, error) : over_udp(query, yield, error);
      close();
      if (error) return fail(error);
      take(answer, query, type);
      if (probe_.outcome != Outcome::answered || probe_.has_records || probe_.code != 0) return;
    }
  }

  // Answers to somebody else's questions are waited past.
  Bytes over_udp(const Bytes& query, const asio::yield_context& yield, error_code& error) {
    Bytes answer(largest_message);
    const auto to = io::to_asio<udp>(probe_.to);
    datagrams_.open(to.protocol(), error);
    if (!error) datagrams_.connect(to, error);
    if (!error) datagrams_.async_send(asio::buffer(query), yield[error]);
    while (!error) {
      const auto size = datagrams_.async_receive(asio::buffer(answer), yield[error]);
      const auto got = core::ByteView(answer).first(size);
      if (!error && size >= header_size && words_.answers(got, query)) return {got.begin(), got.end()};
    }
    return {};
  }

  // A message stands behind its length (RFC 1035, 4.2.2).
  Bytes over_tcp(const Bytes& query, const asio::yield_context& yield, error_code& error) {
    stream_.async_connect(io::to_asio<tcp>(probe_.to), yield[error]);
    const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>(query.size() >> 8U),
                                             static_cast<std::uint8_t>(query.size())};
    const std::array<asio::const_buffer, 2> framed{asio::buffer(length), asio::buffer(query)};
    if (!error) asio::async_write(stream_, framed, yield[error]);
    std::array<std::uint8_t, 2> told{};
    if (!error) asio::async_read(stream_, asio::buffer(told), yield[error]);
    Bytes answer(static_cast<std::size_t>(told[0] << 8U | told[1]));
    if (!error) asio::async_read(stream_, asio::buffer(answer), yield[error]);
    return answer;
  }

  void take(const Bytes& answer, const Bytes& query, std::uint16_t type) {
    if (answer.size() < header_size || !words_.answers(answer, query)) {
      probe_.why = "what came is no answer";
      return;
    }
    probe_.outcome = Outcome::answered;
    probe_.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_);
    probe_.code = answer[3] & 0xFU;
    probe_.has_records = words_.count(answer, type) > 0;
  }

  void fail(error_code error) {
    probe_.outcome = outcome_of(error);
    probe_.why = probe_.outcome == Outcome::timed_out ? "no answer in time" : error.message();
  }

  // What waits for it hears of it.
  void close() {
    error_code ignored;
    stream_.close(ignored);
    datagrams_.close(ignored);
  }

  asio::io_context& context_;
  Probe& probe_;
  const ProbePlan& plan_;
  const DnsWords& words_;
  Clock::time_point begin_;
  asio::steady_timer timer_;
  tcp::socket stream_;
  udp::socket datagrams_;
};

}  // namespace

void make(std::vector<Probe>& probes, const ProbePlan& plan, const DnsWords& words) {
  asio::io_context context;
  std::list<Asking> all;
  for (auto& probe : probes) all.emplace_back(context, probe, plan, words).start();
  context.run();
}

}  // namespace tfunnel::client
