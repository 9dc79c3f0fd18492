// Answers of proxies in the field, good and bad: each answer of the tables has the effect that stands beside it.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/integration/support/http_proxy.hpp"

namespace tfunnel::test {
namespace {

const core::Endpoint web_server = endpoint("203.0.113.7", 80);
constexpr std::string_view page = "HTTP/1.1 200 OK\r\n\r\nhello";

struct Case {
  std::string name;
  bool credentials;
  std::vector<std::string> answers;
  std::string end;
  std::string curl;  // "tunnel", or how it failed
  std::string ours;  // "tunnel", or what the log says
  std::string comment;
};
void PrintTo(const Case& odd, std::ostream* out) { *out << odd.name; }

/// JSON's characters are bytes here, and "{text*3}" is "texttexttext".
std::string bytes_of_answer(std::string_view json) {
  std::string bytes;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto lead = static_cast<unsigned char>(json[i]);
    bytes += static_cast<char>(lead < 0x80 ? lead : (lead & 3) << 6 | (json[++i] & 0x3f));
  }
  const auto open = bytes.find('{');
  if (open == std::string::npos) return bytes;
  const auto star = bytes.find('*', open);
  const auto close = bytes.find('}', star);
  std::string filler;
  for (int i = std::stoi(bytes.substr(star + 1, close)); i > 0; --i) filler += bytes.substr(open + 1, star - open - 1);
  return bytes.substr(0, open) + filler + bytes.substr(close + 1);
}

std::vector<Case> table(const std::string& name) {
  std::ifstream file(TFUNNEL_SOURCE_DIR "/tests/integration/tables/" + name);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<Case> cases;
  const auto rows = boost::json::parse(text.str());
  for (const auto& value : rows.as_array()) {
    const auto& row = value.as_object();
    const auto word = [&row](const char* key) { return std::string(row.at(key).as_string()); };
    Case odd{word("name"),   row.at("credentials").as_bool(), {}, word("end"), word("curl"), word("ours"),
             word("comment")};
    for (const auto& answer : row.at("answers").as_array()) odd.answers.push_back(bytes_of_answer(answer.as_string()));
    cases.push_back(std::move(odd));
  }
  return cases;
}

/// Plays a case on whatever connections come, one after the other.
class Player {
 public:
  /// `hear` waits for what the other side says next, and is false at its end.
  Player(Case odd, std::function<bool(Socket&)> hear)
      : case_(std::move(odd)), hear_(std::move(hear)), thread_([this] { play(); }) {}
  ~Player() {
    over_ = true;
    thread_.join();
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  [[nodiscard]] core::Endpoint endpoint() const { return server_.endpoint(); }

 private:
  void play() {
    std::size_t next = 0;
    while (!over_) {
      if (!server_.called(std::chrono::milliseconds(20))) continue;
      auto socket = server_.accept();
      while (next < case_.answers.size() && hear_(socket)) socket.send(bytes_of(case_.answers[next++]));
      if (next == case_.answers.size()) end(socket);
    }
  }
  void end(Socket& socket) const {
    if (case_.end == "reset") return socket.reset();
    if (case_.end != "open") return;
    if (!socket.receive(5).empty()) socket.send(bytes_of(page));
    socket.wait_end();
  }

  Case case_;
  std::function<bool(Socket&)> hear_;
  Server server_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

bool hear_request(Socket& socket) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const auto byte = socket.receive(1);
    if (byte.empty()) return false;
    head += static_cast<char>(byte[0]);
  }
  return true;
}

/// Reads one piece, of any size: the client waits for an answer to each.
bool hear_piece(Socket& socket) {
  Bytes piece(600);
  return ::recv(socket.fd(), piece.data(), piece.size(), 0) > 0;
}

/// Connects, and says what came of it.
void expect_outcome(const Case& odd, const Tunnel::Terms& terms) {
  CapturedLog log;
  bool stands = false;
  {
    Tunnel tunnel(over_pipes, terms);
    auto near = tunnel.connect(web_server);
    const bool sent = near.send(bytes_of("GET / HTTP/1.1\r\n\r\n"));
    if (odd.ours == "tunnel") {
      stands = near.receive(page.size()) == bytes_of(page);
    } else {
      Ending ending = Ending::still_open;
      stands = !near.receive_all(&ending).empty();
      // A reset that send() meets is told once.
      EXPECT_TRUE(!sent || ending == Ending::reset);
    }
  }
  if (odd.ours == "tunnel") {
    EXPECT_TRUE(stands) << log.text();
  } else {
    EXPECT_FALSE(stands);
    EXPECT_GE(count(log.text(), odd.ours), 1U) << log.text();
  }
}

class OddAnswerToConnect : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Of, OddAnswerToConnect, testing::ValuesIn(table("connect_answers.json")),
                         [](const auto& which) { return which.param.name; });

TEST_P(OddAnswerToConnect, LeadsToWhatTheTableSays) {
  const Player player(GetParam(), hear_request);
  auto url = proxy_at(player.endpoint());
  if (GetParam().credentials) url.credentials = proxy::Credentials{"alice", "secret"};
  expect_outcome(GetParam(), through({url}));
}

class OddAnswerBySocks5 : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Of, OddAnswerBySocks5, testing::ValuesIn(table("socks5_answers.json")),
                         [](const auto& which) { return which.param.name; });

TEST_P(OddAnswerBySocks5, LeadsToWhatTheTableSays) {
  const Player player(GetParam(), hear_piece);
  proxy::Socks5Proxy proxy{player.endpoint().address.text(), player.endpoint().port, {}};
  if (GetParam().credentials) proxy.credentials = proxy::Socks5Credentials{"alice", "secret"};
  proxy::NameOptions by_address;
  by_address.proxy_names = proxy::NameMode::never;
  expect_outcome(GetParam(), {.names = by_address, .socks5 = proxy, .log_level = io::LogLevel::debug});
}

TEST(OddAnswers, WhereCurlGetsOnOrNotAndWeDoOtherwiseTheTableSaysWhy) {
  for (const auto* name : {"connect_answers.json", "socks5_answers.json"}) {
    for (const auto& odd : table(name)) {
      EXPECT_FALSE(odd.curl.empty() || odd.ours.empty()) << odd.name;
      const bool differs = (odd.curl == "tunnel") != (odd.ours == "tunnel");
      EXPECT_FALSE(differs && odd.comment.empty()) << odd.name;
    }
  }
}

TEST(OddAnswers, TablesHaveEnough) {
  EXPECT_GE(table("connect_answers.json").size(), 60U);
  EXPECT_GE(table("socks5_answers.json").size(), 40U);
}

}  // namespace
}  // namespace tfunnel::test
